/* SPDX-License-Identifier: MIT */
/* The one file in C++: no exception leaves it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include "common/toml.h"
}

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace
{

/* toml++ bounds the nesting of values, not the length of dotted keys, which
 * become tables in tables that are freed by recursion. */
const size_t max_dots = 256;

struct place {
	size_t line, column;
};

class scanner
{
      public:
	explicit scanner(std::string_view s) : text(s)
	{
	}

	/* Is there a key with more dots than that? Strings and comments are
	 * stepped over as far as that takes; what is wrong is toml++'s to
	 * say. */
	bool has_long_key(struct place *where)
	{
		while (at < text.size()) {
			char c = text[at];

			if (c == '#') {
				skip_comment();
			} else if (c == '"' || c == '\'') {
				skip_string(c);
			} else {
				step(c);
				if (dots > max_dots) {
					*where = { line, column() };
					return true;
				}
			}
		}
		return false;
	}

      private:
	std::string_view text;
	size_t at = 0, line = 1, start = 0, dots = 0;

	size_t column() const
	{
		return at - start;
	}

	void newline()
	{
		line++;
		start = at + 1;
	}

	void step(char c)
	{
		if (c == '\n')
			newline();
		if (c == '.')
			dots++;
		else if (strchr("\n=[]{},", c))
			dots = 0;
		at++;
	}

	void skip_comment()
	{
		while (at < text.size() && text[at] != '\n')
			at++;
	}

	bool has(size_t pos, char c) const
	{
		return pos < text.size() && text[pos] == c;
	}

	void skip_string(char quote)
	{
		bool multi = has(at + 1, quote) && has(at + 2, quote);

		at += multi ? 3 : 1;
		for (; at < text.size(); at++) {
			if (text[at] == '\\' && quote == '"') {
				at++;
				if (has(at, '\n'))
					newline();
			} else if (text[at] == '\n') {
				if (!multi)
					return;
				newline();
			} else if (text[at] == quote &&
			    (!multi ||
			        (has(at + 1, quote) && has(at + 2, quote)))) {
				at += multi ? 3 : 1;
				return;
			}
		}
	}
};

void
quote_json(std::string &out, const std::string &s)
{
	out += '"';
	for (unsigned char c : s) {
		if (c == '"' || c == '\\') {
			out += '\\';
			out += (char)c;
		} else if (c < 0x20) {
			char hex[8];

			snprintf(hex, sizeof(hex), "\\u%04x", c);
			out += hex;
		} else {
			out += (char)c;
		}
	}
	out += '"';
}

/* The shortest spelling that reads back as the same number. */
std::string
float_text(double d)
{
	char s[40];

	if (std::isnan(d))
		return "nan";
	if (std::isinf(d))
		return d < 0 ? "-inf" : "inf";
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, d);
		if (strtod(s, nullptr) == d)
			break;
	}
	std::string text = s;
	if (text.find_first_of(".e") == text.npos)
		text += ".0";
	return text;
}

std::string
date_text(const toml::node &node)
{
	std::ostringstream out;

	if (const auto *date = node.as_date())
		out << date->get();
	else if (const auto *time = node.as_time())
		out << time->get();
	else if (const auto *both = node.as_date_time())
		out << both->get();
	return out.str();
}

struct item {
	const toml::key *key;
	const toml::node *node;
};

/* toml++ sorts by key; the text's order is what its author meant. */
std::vector<item>
in_order(const toml::table &table)
{
	std::vector<item> items;

	for (auto &&[key, node] : table)
		items.push_back({ &key, &node });
	std::stable_sort(items.begin(), items.end(),
	    [](const item &a, const item &b) {
		    return a.key->source().begin < b.key->source().begin;
	    });
	return items;
}

using places = std::vector<struct toml_place>;

/* list: NULL when nobody asks where values stood. */
void
add_json(std::string &out, const toml::node &node, places *list = nullptr,
    const toml::key *key = nullptr)
{
	const char *comma = "";

	if (list) {
		auto at = node.source().begin;
		toml::source_position k = {};

		if (key)
			k = key->source().begin;
		list->push_back({ out.size(), at.line, at.column, k.line,
		    k.column });
	}
	switch (node.type()) {
	case toml::node_type::table:
		out += '{';
		for (const item &i : in_order(*node.as_table())) {
			out += comma;
			quote_json(out, std::string(i.key->str()));
			out += ':';
			add_json(out, *i.node, list, i.key);
			comma = ",";
		}
		out += '}';
		break;
	case toml::node_type::array:
		out += '[';
		for (auto &&value : *node.as_array()) {
			out += comma;
			add_json(out, value, list);
			comma = ",";
		}
		out += ']';
		break;
	case toml::node_type::string:
		quote_json(out, node.as_string()->get());
		break;
	case toml::node_type::integer:
		out += std::to_string(node.as_integer()->get());
		break;
	case toml::node_type::floating_point: {
		double d = node.as_floating_point()->get();

		out += std::isfinite(d) ? float_text(d) : "null";
		break;
	}
	case toml::node_type::boolean:
		out += node.as_boolean()->get() ? "true" : "false";
		break;
	default:
		quote_json(out, date_text(node));
	}
}

struct walker {
	const char *name;
	toml_visit *visit;
	void *arg;
	struct error *err;
	std::vector<const char *> path;

	int value(const toml::node &node);
	int table(const toml::table &table);
};

std::string
describe(const toml::node &node, struct toml_node *n)
{
	std::string json;

	switch (node.type()) {
	case toml::node_type::string:
		n->type = TOML_STRING;
		return node.as_string()->get();
	case toml::node_type::integer:
		n->type = TOML_INTEGER;
		n->integer = node.as_integer()->get();
		return std::to_string(n->integer);
	case toml::node_type::floating_point:
		n->type = TOML_FLOAT;
		n->number = node.as_floating_point()->get();
		return float_text(n->number);
	case toml::node_type::boolean:
		n->type = TOML_BOOL;
		n->boolean = node.as_boolean()->get();
		return n->boolean ? "true" : "false";
	case toml::node_type::array:
		n->type = TOML_ARRAY;
		add_json(json, node);
		return json;
	case toml::node_type::table:
		n->type = TOML_TABLE;
		return "";
	default:
		n->type = TOML_DATE;
		return date_text(node);
	}
}

bool
has_nul(std::string_view s)
{
	return s.find('\0') != s.npos;
}

int
walker::value(const toml::node &node)
{
	struct toml_node n = {};
	std::string text = describe(node, &n);

	n.path = path.data();
	n.depth = path.size();
	n.line = node.source().begin.line;
	n.column = node.source().begin.column;
	if (has_nul(text))
		return error_set(err, ERR_USAGE,
		    "%s:%zu:%zu: a string with a NUL character", name, n.line,
		    n.column);
	n.text = n.type == TOML_TABLE ? nullptr : text.c_str();
	if (visit(arg, &n, err) < 0)
		return -1;
	return n.type == TOML_TABLE ? table(*node.as_table()) : 0;
}

int
walker::table(const toml::table &table)
{
	for (const item &i : in_order(table)) {
		std::string key(i.key->str());

		if (has_nul(key))
			return error_set(err, ERR_USAGE,
			    "%s:%zu:%zu: a key with a NUL character", name,
			    (size_t)i.key->source().begin.line,
			    (size_t)i.key->source().begin.column);
		path.push_back(key.c_str());
		if (value(*i.node) < 0)
			return -1;
		path.pop_back();
	}
	return 0;
}

} /* namespace */

/* What is thrown, as an error. */
static int
refuse(const char *name, struct error *err)
{
	try {
		throw;
	} catch (const toml::parse_error &e) {
		std::string what(e.description());

		return error_set(err, ERR_USAGE, "%s:%zu:%zu: %s", name,
		    (size_t)e.source().begin.line,
		    (size_t)e.source().begin.column, what.c_str());
	} catch (const std::exception &e) {
		return error_set(err, ERR_IO, "%s: %s", name, e.what());
	}
}

static int
check_keys(std::string_view document, const char *name, struct error *err)
{
	struct place where;

	if (!scanner(document).has_long_key(&where))
		return 0;
	return error_set(err, ERR_USAGE,
	    "%s:%zu:%zu: a key of more than %zu parts", name, where.line,
	    where.column, max_dots);
}

int
toml_walk(const char *text, size_t len, const char *name, toml_visit *visit,
    void *arg, struct error *err)
{
	try {
		std::string_view document(text, len);

		if (check_keys(document, name, err) < 0)
			return -1;
		toml::table root = toml::parse(document);
		walker w = { name, visit, arg, err, {} };
		return w.table(root);
	} catch (...) {
		return refuse(name, err);
	}
}

int
toml_to_json(const char *text, size_t len, const char *name,
    struct toml_json *out, struct error *err)
{
	try {
		std::string_view document(text, len);
		std::string json;
		places list;

		if (check_keys(document, name, err) < 0)
			return -1;
		add_json(json, toml::parse(document), &list);
		out->text = (char *)malloc(json.size() + 1);
		out->places = (struct toml_place *)malloc(list.size() *
		    sizeof(list[0]));
		if (!out->text || !out->places)
			throw std::bad_alloc();
		memcpy(out->text, json.c_str(), json.size() + 1);
		std::copy(list.begin(), list.end(), out->places);
		out->len = json.size();
		out->count = list.size();
		return 0;
	} catch (...) {
		return refuse(name, err);
	}
}

void
toml_json_release(struct toml_json *j)
{
	free(j->text);
	free(j->places);
	*j = {};
}
