/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/row_format.h"

#include "tools/dlt-extract/input_kind.h"

#include <string.h>
#include <strings.h>

/* One byte, perhaps as an escape or a name. */
static int
parse_byte(const char *option, const char *text, char *byte, struct error *err)
{
	static const struct {
		const char *name;
		char byte;
	} names[] = { { "\\t", '\t' }, { "tab", '\t' }, { "comma", ',' },
		{ "semicolon", ';' }, { "pipe", '|' }, { "space", ' ' },
		{ "\\x1f", '\x1f' } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(text, names[i].name) == 0) {
			*byte = names[i].byte;
			return 0;
		}
	}
	if (text[0] == '\0' || text[1] != '\0' || text[0] == '\n' ||
	    text[0] == '\r' || (unsigned char)text[0] >= 0x80)
		return error_set(err, ERR_USAGE,
		    "%s: \"%s\" is not one ASCII character", option, text);
	*byte = text[0];
	return 0;
}

static int
parse_kind(struct row_format *f, const char *text, struct error *err)
{
	static const struct {
		const char *name;
		int kind;
	} kinds[] = { { "auto", ROWS_BY_NAME }, { "jsonl", ROWS_JSON },
		{ "json", ROWS_JSON }, { "csv", ROWS_CSV },
		{ "tsv", ROWS_TSV } };

	for (size_t i = 0; text != NULL && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(text, kinds[i].name) == 0) {
			f->kind = kinds[i].kind;
			return 0;
		}
	}
	if (text == NULL)
		return 0;
	return error_set(err, ERR_USAGE,
	    "--input-format: \"%s\" is none of auto, jsonl, csv, tsv", text);
}

/* A list of what records of another length may do. */
static int
parse_ragged(struct csv_format *f, const char *text, struct error *err)
{
	static const struct {
		const char *word;
		bool missing;
		enum csv_extra extra;
	} words[] = { { "error", false, CSV_EXTRA_ERROR },
		{ "missing", true, CSV_EXTRA_ERROR },
		{ "drop-extra", false, CSV_EXTRA_DROP },
		{ "keep-extra", false, CSV_EXTRA_KEEP } };

	while (text != NULL) {
		size_t len = strcspn(text, ","), i = 0;

		while (i < ARRAY_LEN(words) &&
		    (strlen(words[i].word) != len ||
		        memcmp(words[i].word, text, len) != 0))
			i++;
		if (i == ARRAY_LEN(words))
			return error_set(err, ERR_USAGE,
			    "--csv-ragged: \"%.*s\" is none of error, missing, "
			    "drop-extra, keep-extra",
			    (int)len, text);
		f->missing |= words[i].missing;
		if (words[i].extra != CSV_EXTRA_ERROR)
			f->extra = words[i].extra;
		text = text[len] == ',' ? text + len + 1 : NULL;
	}
	return 0;
}

int
row_format_parse(struct row_format *f, const struct row_format_options *o,
    struct error *err)
{
	struct csv_format *csv = &f->csv;

	*f = (struct row_format){ .csv = { .quote = '"', .names = o->names } };
	if (parse_kind(f, o->format, err) < 0 ||
	    parse_ragged(csv, o->ragged, err) < 0)
		return -1;
	if (o->delimiter != NULL &&
	    parse_byte("--csv-delimiter", o->delimiter, &csv->delimiter, err) <
	        0)
		return -1;
	if (o->quote != NULL && strcmp(o->quote, "none") == 0)
		csv->quote = '\0';
	else if (o->quote != NULL &&
	    parse_byte("--csv-quote", o->quote, &csv->quote, err) < 0)
		return -1;
	if (csv->quote != '\0' && csv->quote == csv->delimiter)
		return error_set(err, ERR_USAGE,
		    "--csv-quote: is the delimiter, too");
	if (o->types == NULL || strcmp(o->types, "auto") == 0)
		return 0;
	csv->text = strcmp(o->types, "text") == 0;
	if (!csv->text)
		return error_set(err, ERR_USAGE,
		    "--csv-types: \"%s\" is neither auto nor text", o->types);
	return 0;
}

/* Does the name end so, before the suffixes of compression? */
static bool
ends(const char *name, const char *suffix)
{
	static const char *const packed[] = { ".gz", ".zst", ".zstd", ".xz",
		".bz2", ".lz4", ".lz", ".lzma", ".z" };
	size_t len = strlen(name), n;

	for (size_t i = 0; i < ARRAY_LEN(packed);) {
		n = strlen(packed[i]);
		if (len > n && strncasecmp(name + len - n, packed[i], n) == 0) {
			len -= n;
			i = 0;
		} else {
			i++;
		}
	}
	n = strlen(suffix);
	return len >= n && strncasecmp(name + len - n, suffix, n) == 0;
}

bool
row_format_is_csv(const struct row_format *f, const char *name,
    struct csv_format *csv)
{
	bool tabs = f->kind == ROWS_TSV, commas = f->kind == ROWS_CSV;

	/* the end of a command is no file's name */
	if (f->kind == ROWS_BY_NAME && input_kind_of(name)->scheme == NULL) {
		tabs = ends(name, ".tsv") || ends(name, ".tab");
		commas = ends(name, ".csv");
	}
	*csv = f->csv;
	if (csv->delimiter == '\0')
		csv->delimiter = tabs ? '\t' : ',';
	return tabs || commas;
}
