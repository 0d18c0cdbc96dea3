/* SPDX-License-Identifier: MIT */
#include "common/pathlist.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"

int
pathlist_open(struct pathlist *p, const struct opt_list *operands,
    const char *from, bool nul, struct error *err)
{
	*p = (struct pathlist){ .operands = operands, .name = from };
	p->end = nul ? '\0' : '\n';
	if (!from)
		return 0;
	p->file = strcmp(from, "-") == 0 ? stdin : fopen(from, "re");
	return p->file ? 0 : error_errno(err, "%s", from);
}

int
pathlist_next(struct pathlist *p, const char **path, struct error *err)
{
	ssize_t n;

	if (p->next < p->operands->count) {
		*path = p->operands->items[p->next++];
		return 1;
	}
	while (p->file) {
		n = getdelim(&p->line, &p->cap, p->end, p->file);
		if (n < 0 && signal_pending())
			return error_set(err, ERR_QUIET, "stopped by a signal");
		if (n < 0 && ferror(p->file))
			return error_errno(err, "%s", p->name);
		if (n < 0)
			return 0;
		if (p->line[n - 1] == p->end)
			p->line[n - 1] = '\0';
		if (p->line[0]) {
			*path = p->line;
			return 1;
		}
	}
	return 0;
}

void
pathlist_close(struct pathlist *p)
{
	if (p->file && p->file != stdin)
		fclose(p->file);
	free(p->line);
	*p = (struct pathlist){ 0 };
}

int
pathlist_print(const char *path, bool nul, struct error *err)
{
	errno = 0;
	fputs(path, stdout);
	putchar(nul ? '\0' : '\n');
	if (fflush(stdout) == 0)
		return 0;
	if (errno != EPIPE)
		return error_errno(err, "standard output");
	signal_note(SIGPIPE);
	return error_set(err, ERR_QUIET, "standard output: broken pipe");
}
