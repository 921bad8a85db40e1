#ifndef JSON_CHECK_H
#define JSON_CHECK_H

/* A path against a document, both as text; shared by the tests of this folder.
 */

/** path finds wanted in document. */
void check_finds(const char *path, const char *document, const char *wanted);

/** path fails on document with the code and Jayway's text. */
void check_fails(const char *path, const char *document, int code,
                 const char *message);

/** path does not compile. */
void check_refused(const char *path, int code);

#endif
