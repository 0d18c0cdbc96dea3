/* SPDX-License-Identifier: MIT */
#include "common/msg.h"

int
main(int argc, char **argv)
{
	msg_init("dlt-normalize");
	return msg_close(EXIT_DONE);
}
