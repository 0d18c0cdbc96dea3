/* SPDX-License-Identifier: MIT */
/*
 * duck: our declarations of DuckDB's C API; for duck.c and duck_append.c only.
 *
 * Shape:  handles are opaque pointers; states are 0 for success. The layouts
 *         below are part of the stable binary interface.
 * Source: duckdb.h 1.2 to 1.5.
 */
#ifndef DLT_DUCK_PRIVATE_H
#define DLT_DUCK_PRIVATE_H

#include "common/duck.h"

typedef void *duck_handle;

/* duckdb_result; only its last member is in use. */
struct duck_result {
	uint64_t deprecated[3];
	void *deprecated_columns;
	char *deprecated_error;
	void *internal;
};

/* duckdb_hugeint: the value is upper * 2^64 + lower. */
struct duck_hugeint {
	uint64_t lower;
	int64_t upper;
};

/* duckdb_string_t: up to 12 bytes stand where prefix and data are. */
struct duck_string {
	uint32_t len;
	char prefix[4];
	const char *data;
};
#define DUCK_INLINED 12

/* duckdb_type, those that are read or written. */
enum {
	DUCKDB_BOOLEAN = 1,
	DUCKDB_TINYINT,
	DUCKDB_SMALLINT,
	DUCKDB_INTEGER,
	DUCKDB_BIGINT,
	DUCKDB_UTINYINT,
	DUCKDB_USMALLINT,
	DUCKDB_UINTEGER,
	DUCKDB_UBIGINT,
	DUCKDB_FLOAT,
	DUCKDB_DOUBLE,
	DUCKDB_TIMESTAMP,
	DUCKDB_DATE,
	DUCKDB_TIME,
	DUCKDB_HUGEINT = 16,
	DUCKDB_VARCHAR,
	DUCKDB_BLOB,
	DUCKDB_DECIMAL,
	DUCKDB_TIMESTAMP_S,
	DUCKDB_TIMESTAMP_MS,
	DUCKDB_TIMESTAMP_NS,
	DUCKDB_TIMESTAMP_TZ = 31,
};

/* duckdb_error_type, those that are told apart. */
enum {
	DUCKDB_ERROR_OUT_OF_RANGE = 1,
	DUCKDB_ERROR_CONVERSION = 2,
	DUCKDB_ERROR_TRANSACTION = 10,
	DUCKDB_ERROR_CONSTRAINT = 18,
	DUCKDB_ERROR_IO = 28,
	DUCKDB_ERROR_INVALID_INPUT = 32,
	DUCKDB_ERROR_OUT_OF_MEMORY = 33,
	DUCKDB_ERROR_PERMISSION = 34,
};

/* What is used, by the name behind "duckdb_". */
#define DUCK_API(X)                                                           \
	X(const char *, library_version, (void))                              \
	X(int, create_config, (duck_handle *))                                \
	X(int, set_config, (duck_handle, const char *, const char *))         \
	X(void, destroy_config, (duck_handle *))                              \
	X(int, open_ext, (const char *, duck_handle *, duck_handle, char **)) \
	X(void, close, (duck_handle *))                                       \
	X(int, connect, (duck_handle, duck_handle *))                         \
	X(void, disconnect, (duck_handle *))                                  \
	X(void, free, (void *))                                               \
	X(int, query, (duck_handle, const char *, struct duck_result *))      \
	X(void, destroy_result, (struct duck_result *))                       \
	X(const char *, result_error, (struct duck_result *))                 \
	X(int, result_error_type, (struct duck_result *))                     \
	X(uint64_t, column_count, (struct duck_result *))                     \
	X(const char *, column_name, (struct duck_result *, uint64_t))        \
	X(int, column_type, (struct duck_result *, uint64_t))                 \
	X(int, prepare, (duck_handle, const char *, duck_handle *))           \
	X(const char *, prepare_error, (duck_handle))                         \
	X(void, destroy_prepare, (duck_handle *))                             \
	X(int, bind_null, (duck_handle, uint64_t))                            \
	X(int, bind_varchar_length,                                           \
	    (duck_handle, uint64_t, const char *, uint64_t))                  \
	X(int, execute_prepared, (duck_handle, struct duck_result *))         \
	X(int, pending_prepared_streaming, (duck_handle, duck_handle *))      \
	X(const char *, pending_error, (duck_handle))                         \
	X(int, execute_pending, (duck_handle, struct duck_result *))          \
	X(void, destroy_pending, (duck_handle *))                             \
	X(void, interrupt, (duck_handle))                                     \
	X(duck_handle, fetch_chunk, (struct duck_result))                     \
	X(uint64_t, data_chunk_get_size, (duck_handle))                       \
	X(duck_handle, data_chunk_get_vector, (duck_handle, uint64_t))        \
	X(void, destroy_data_chunk, (duck_handle *))                          \
	X(void *, vector_get_data, (duck_handle))                             \
	X(uint64_t *, vector_get_validity, (duck_handle))                     \
	X(void, vector_ensure_validity_writable, (duck_handle))               \
	X(void, vector_assign_string_element_len,                             \
	    (duck_handle, uint64_t, const char *, uint64_t))                  \
	X(uint64_t, vector_size, (void))                                      \
	X(int, appender_create_ext,                                           \
	    (duck_handle, const char *, const char *, const char *,           \
	        duck_handle *))                                               \
	X(const char *, appender_error, (duck_handle))                        \
	X(int, appender_flush, (duck_handle))                                 \
	X(int, appender_destroy, (duck_handle *))                             \
	X(uint64_t, appender_column_count, (duck_handle))                     \
	X(duck_handle, appender_column_type, (duck_handle, uint64_t))         \
	X(int, append_data_chunk, (duck_handle, duck_handle))                 \
	X(duck_handle, create_data_chunk, (duck_handle *, uint64_t))          \
	X(void, data_chunk_set_size, (duck_handle, uint64_t))                 \
	X(void, data_chunk_reset, (duck_handle))                              \
	X(int, get_type_id, (duck_handle))                                    \
	X(uint8_t, decimal_scale, (duck_handle))                              \
	X(uint8_t, decimal_width, (duck_handle))                              \
	X(int, decimal_internal_type, (duck_handle))                          \
	X(void, destroy_logical_type, (duck_handle *))

struct duck_api {
#define MEMBER(result, name, parameters) result(*name) parameters;
	DUCK_API(MEMBER)
#undef MEMBER
};

struct duck {
	struct duck_api api;
	void *library;
	duck_handle database, connection;
};

/* Fill err with DuckDB's message (its first lines); returns -1. */
int duck_fail(int type, const char *message, struct error *err);

#endif
