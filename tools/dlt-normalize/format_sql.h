/* SPDX-License-Identifier: MIT */
/*
 * format_sql: how the destinations spell names and literals in insert_values
 * (contract.md section 4.6).
 */
#ifndef DLT_NORMALIZE_FORMAT_SQL_H
#define DLT_NORMALIZE_FORMAT_SQL_H

extern const struct dialect dialect_postgres, dialect_duckdb, dialect_redshift,
    dialect_clickhouse, dialect_mssql, dialect_synapse, dialect_snowflake,
    dialect_bigquery, dialect_databricks;

#endif
