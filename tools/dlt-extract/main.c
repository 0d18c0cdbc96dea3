/* SPDX-License-Identifier: MIT */
#include "common/msg.h"

int
main(int argc, char **argv)
{
	msg_init("dlt-extract");
	return msg_close(EXIT_DONE);
}
