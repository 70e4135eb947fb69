/* pg_grants: all that a role may do to the tables of a schema, for a test that compares it with a list in its source. */
#ifndef PEK_TESTS_SUPPORT_PG_GRANTS_H
#define PEK_TESTS_SUPPORT_PG_GRANTS_H

/* A query for pg_cluster_query or world_value, with the schema and the role as literals: a line a table, by name. r and d
 * are whole-table SELECT and DELETE; columns that may only be inserted are marked +, only updated =, both *. */
#define PG_GRANTS(schema, role)                                                                    \
    "WITH c AS (SELECT c.oid, c.relname, a.attname,"                                               \
    "   has_column_privilege('" role "', c.oid, a.attnum, 'INSERT') AS i,"                         \
    "   has_column_privilege('" role "', c.oid, a.attnum, 'UPDATE') AS u"                          \
    "  FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"            \
    "   AND NOT a.attisdropped"                                                                    \
    "  WHERE c.relnamespace = '" schema "'::regnamespace"                                          \
    "   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')),"                                              \
    " t AS (SELECT oid, relname, coalesce(string_agg(' ' || attname ||"                            \
    "    CASE WHEN i AND u THEN '*' WHEN i THEN '+' ELSE '=' END, '' ORDER BY attname)"            \
    "    FILTER (WHERE i OR u), '') AS columns FROM c GROUP BY 1, 2)"                              \
    " SELECT string_agg(relname || rtrim(' ' ||"                                                   \
    "   CASE WHEN has_table_privilege('" role "', oid, 'SELECT') THEN 'r' ELSE '' END ||"          \
    "   CASE WHEN has_table_privilege('" role "', oid, 'DELETE') THEN 'd' ELSE '' END ||"          \
    "   CASE WHEN has_table_privilege('" role "', oid, 'TRUNCATE, REFERENCES, TRIGGER')"           \
    "        THEN 'TRUNCATE' ELSE '' END) || ':' || columns, chr(10) ORDER BY relname) FROM t"

#endif
