#ifndef CONTRACT_PG_H
#define CONTRACT_PG_H

/** libpq's string for the database that this program made for itself. */
const char *contract_conninfo(void);

/** Runs SQL, and gives the first field of the first row as text (to be freed),
 * NULL when there is none. Fails the program on an error. */
char *contract_sql(const char *sql);

/** As contract_sql for a number. */
long long contract_sql_number(const char *sql);

/** What only PostgreSQL has: migrations, roles, queries. */
int contract_pg_run(void);

/** How closed runs leave. */
int contract_pg_retention_run(void);

#endif
