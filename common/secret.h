/* SPDX-License-Identifier: MIT */
/*
 * secret: passwords on the command line, which everybody can read in the list
 * of processes until they are overwritten.
 *
 * Shape:  what stands between ':' and '@' before a host, and what follows
 *         "password=", "secret=", "secret_access_key=", "token=" or
 *         "api_key=" (up to '&').
 * Owner:  secret_hide() -> secret_release().
 */
#ifndef DLT_SECRET_H
#define DLT_SECRET_H

#include <stddef.h>

/* A copy of argv, to work with; in argv itself secrets become "***". */
char **secret_hide(int argc, char **argv);
void secret_release(int argc, char **copy); /* NULL is legal */

/* Where the first secret of the text from its byte `from` on begins, and how
 * long it is; 0: there is none. */
size_t secret_find(const char *text, size_t from, size_t *len);

#endif
