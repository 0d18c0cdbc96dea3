/* SPDX-License-Identifier: MIT */
#include "common/runtime.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/metrics.h"
#include "common/msg.h"
#include "common/trace.h"

static int
take_level(const char *text, struct error *err)
{
	static const struct {
		const char *name;
		int verbosity;
	} levels[] = { { "critical", -1 }, { "error", -1 }, { "warning", 0 },
		{ "warn", 0 }, { "info", 1 }, { "debug", 2 } };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (strcasecmp(text, levels[i].name) == 0) {
			msg_set_verbosity(levels[i].verbosity);
			return 0;
		}
	}
	return error_set(err, ERR_USAGE,
	    "runtime.log_level: \"%s\" is none of critical, error, warning, "
	    "info and debug",
	    text);
}

/* Python dlt takes any format of its logging module there, which means nothing
 * here. */
static void
take_format(const char *text)
{
	enum msg_format f = MSG_TEXT;

	if (msg_parse_format(text, &f))
		msg_set_format(f);
}

static int
messages(struct config *c, const struct opt_common *o, const char *pipeline,
    struct error *err)
{
	const struct config_context ctx = { .pipeline = pipeline,
		.section = "runtime" };
	const char *level = NULL, *format = NULL;

	if (config_string(c, &ctx, "log_level", &level, err) < 0 ||
	    config_string(c, &ctx, "log_format", &format, err) < 0)
		return -1;
	if (level != NULL && o->verbose == 0 && !o->quiet &&
	    take_level(level, err) < 0)
		return -1;
	if (format != NULL && o->log_format == NULL)
		take_format(format);
	return 0;
}

int
runtime_begin(struct config *c, const struct opt_common *o,
    const struct progress_spec *spec, struct progress **out, struct error *err)
{
	const struct config_context ctx = { .pipeline = spec->name,
		.path = { "pipelines", spec->name },
		.count = spec->name != NULL ? 2 : 1 };
	struct progress_spec s = *spec;
	const char *text = NULL;

	if (messages(c, o, spec->name, err) < 0)
		return -1;
	config_check(c, spec->stage);
	if (config_string(c, &ctx, "progress", &text, err) < 0 ||
	    progress_parse(text, &s.kind, err) < 0)
		return -1;
	if (o->no_progress)
		s.kind = PROGRESS_NONE;
	s.quiet = o->quiet;
	if (o->show_config)
		return 0;
	if (o->trace != NULL) {
		s.trace = trace_new(o->trace, s.stage, s.name, err);
		if (s.trace == NULL)
			return error_prefix(err, "--trace: ");
	}
	*out = progress_new(&s);
	return 0;
}

void
runtime_end(struct progress *p, const struct opt_common *o,
    const struct error *why)
{
	struct error err;

	if (p != NULL && o->metrics != NULL &&
	    metrics_write(o->metrics, p, why != NULL, &err) < 0)
		msg_warn("--metrics: %s", err.msg);
	if (trace_end(progress_trace(p), p, why != NULL ? why->msg : NULL,
	        &err) < 0)
		msg_warn("--trace: %s", err.msg);
	progress_free(p, why != NULL);
}
