/* SPDX-License-Identifier: MIT */
/*
 * parse FILE: parses each line with simdjson's DOM and does nothing with it; a
 * measure for programs that also have to do something. Prints the rows.
 */
#include <cstdio>
#include <cstring>
#include <simdjson.h>

int
main(int argc, char **argv)
{
	simdjson::padded_string text;
	simdjson::dom::parser parser;
	simdjson::dom::element element;
	unsigned long rows = 0;

	if (argc != 2 || simdjson::padded_string::load(argv[1]).get(text))
		return 2;
	const char *p = text.data(), *end = p + text.size();
	while (p < end) {
		const char *nl = (const char *)std::memchr(p, '\n',
		    (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		/* what follows a line is the next one, or padding */
		if (parser.parse(p, len, false).get(element))
			return 1;
		rows++;
		p += len + 1;
	}
	std::printf("%lu\n", rows);
	return 0;
}
