/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/budget.h"
#include "tools/dlt-normalize/wiring.h"

/* Rows that wait, where nobody says how many may. */
#define ROWS_MEMORY ((size_t)64 << 20)
/* Up to so many workers, blocks are of the same size. */
#define WORKERS 8

/* Blocks and what is made of them are under way by the worker: with very many
 * workers they are smaller, so that all keep to the memory. When that is full,
 * where frames are cut depends on the blocks: those of few workers are as small
 * as if there were some more, so that their number makes no difference. */
static size_t
block_size(const struct normalize_settings *set)
{
	size_t workers = set->workers > WORKERS ? set->workers : WORKERS;
	size_t n = set->max_memory / (20 * (workers + 2));

	if (n > IO_BLOCK)
		return IO_BLOCK;
	return n < 64 << 10 ? 64 << 10 : n;
}

/* The workers and what they share, by --max-memory. */
static int
memory_settings(struct normalize_settings *set, const char *max_memory,
    struct error *err)
{
	size_t budget;

	if (budget_parse(max_memory, &budget, err))
		return -1;
	set->max_memory = ROWS_MEMORY;
	if (budget) {
		set->workers = (unsigned)budget_workers(budget, set->workers);
		set->max_memory = budget_rows(budget, set->workers);
	}
	return 0;
}

/* For tests only: one lane, small blocks, or little memory for rows. */
static void
test_settings(struct normalize_settings *set)
{
#ifdef DLT_TEST_HOOKS
	const char *lane = getenv("DLT_TEST_LANE");
	const char *block = getenv("DLT_TEST_BLOCK");
	const char *memory = getenv("DLT_TEST_MEMORY");

	if (lane && strcmp(lane, "slow") == 0)
		set->lane = LANE_SLOW;
	if (memory) {
		set->max_memory = strtoul(memory, NULL, 10);
		set->block_size = block_size(set);
	}
	if (block)
		set->block_size = strtoul(block, NULL, 10);
#endif
}

static int
csv_settings(struct config *c, const struct config_context *files,
    struct csv_settings *csv, struct error *err)
{
	static const char *const quoting[] = { "quote_needed", "quote_all",
		"quote_minimal", "quote_none" };
	const char *delimiter = ",";
	size_t choice = QUOTE_NEEDED;

	*csv = (struct csv_settings){ .header = true, .line_end = "\n" };
	if (config_string(c, files, "delimiter", &delimiter, err) ||
	    config_bool(c, files, "include_header", &csv->header, err) ||
	    config_choice(c, files, "quoting", quoting, ARRAY_LEN(quoting),
	        &choice, err) ||
	    config_string(c, files, "lineterminator", &csv->line_end, err))
		return -1;
	if (strlen(delimiter) != 1 || strchr("\"\r\n", *delimiter))
		return error_set(err, ERR_USAGE,
		    "data_writer.delimiter is \"%s\", not one character",
		    delimiter);
	csv->delimiter = *delimiter;
	csv->quoting = (enum csv_quoting)choice;
	return 0;
}

int
settings_read(struct config *c, const char *pipeline, const char *max_memory,
    struct wiring *w, struct error *err)
{
	const struct config_context stage = { pipeline, { NULL }, 0,
		"normalize" };
	const struct config_context files = { pipeline, { "normalize" }, 1,
		"data_writer" };
	const struct config_context parquet = { pipeline, { "normalize" }, 1,
		"parquet_normalizer" };
	const struct config_context model = { pipeline, { "normalize" }, 1,
		"model_normalizer" };
	long workers = sysconf(_SC_NPROCESSORS_ONLN);
	static const char standard[] = "zstd";
	const char *codec = standard;

	w->set.model_load_ids = true;
	if (exchange_settings(&w->exchange, c, pipeline, err) ||
	    config_int(c, &stage, "workers", &workers, err) ||
	    config_writer(c, &files, &w->set.rotation, err) ||
	    config_bool(c, &parquet, "add_dlt_id", &w->set.parquet_ids, err) ||
	    config_bool(c, &model, "add_dlt_load_id", &w->set.model_load_ids,
	        err) ||
	    config_bool(c, &model, "add_dlt_id", &w->set.model_ids, err) ||
	    config_string(c, &files, "compression", &codec, err) ||
	    csv_settings(c, &files, &w->set.csv, err))
		return -1;
	if (workers < 1 || workers > 1024)
		return error_set(err, ERR_USAGE,
		    "normalize.workers is %ld, not 1 to 1024", workers);
	w->size_given = config_get(c, &files, "file_max_bytes", NULL) != NULL;
	w->set.workers = (unsigned)workers;
	w->codec_given = codec != standard ||
	    w->set.rotation.disable_compression;
	if (codec_parse(codec, &w->set.codec, err))
		return -1;
	if (codec == standard && w->set.rotation.disable_compression)
		w->set.codec = CODEC_NONE;
	if (memory_settings(&w->set, max_memory, err))
		return -1;
	w->set.block_size = block_size(&w->set);
	test_settings(&w->set);
	return 0;
}
