/* SPDX-License-Identifier: MIT */
/*
 * The words of xl.cfg's syntax.  It knows no grammar and no key, allocates
 * nothing, and must not be used by anything but the parser in syntax.c.
 */
#ifndef CHAOS_SRC_CONFIG_LEXER_H
#define CHAOS_SRC_CONFIG_LEXER_H

#include "config/syntax.h"

enum chaos__token_kind {
    CHAOS__TOKEN_END,
    CHAOS__TOKEN_NEWLINE,
    CHAOS__TOKEN_SEMICOLON,
    CHAOS__TOKEN_COMMA,
    CHAOS__TOKEN_OPEN,
    CHAOS__TOKEN_CLOSE,
    CHAOS__TOKEN_ASSIGN,
    CHAOS__TOKEN_ADD,
    CHAOS__TOKEN_KEY,
    CHAOS__TOKEN_NUMBER,
    CHAOS__TOKEN_STRING,
};

struct chaos__token {
    enum chaos__token_kind kind;
    struct chaos__position at;
    const char *start;
    size_t length;
};

struct chaos__lexer {
    const char *source; /* stands in messages for the file */
    const char *cursor; /* behind the token */
    const char *end;
    const char *line_start;
    uint32_t line;
    struct chaos__token token; /* the one to look at next */
    struct chaos__token key;   /* of the current assignment, for messages */
    struct chaos_error *err;
};

/* How much of a name or value is shown in a message. */
#define CHAOS__LEXER_SHOWN_MAX 64

/* Fails at a position, within the assignment that is being parsed if any. */
#define CHAOS__LEXER_FAIL(lexer, position, format, ...)                        \
    chaos__fail((lexer)->err, CHAOS_EINVAL, "%s:%u:%u: %.*s%s" format,         \
                (lexer)->source, (unsigned)(position)->line,                   \
                (unsigned)(position)->column,                                  \
                chaos__lexer_shown(&(lexer)->key), (lexer)->key.start,         \
                (lexer)->key.length ? ": " : "", ##__VA_ARGS__)

/* The length of a token in a message. */
int chaos__lexer_shown(const struct chaos__token *token);

/* Moves on to the next token: 0, or CHAOS_EINVAL. */
int chaos__lexer_advance(struct chaos__lexer *lexer);

/* Fails because the token is not what the grammar wants. */
int chaos__lexer_fail_token(struct chaos__lexer *lexer, const char *expected);

/* Writes what the string token's quotes hold, escapes carried out, and a NUL
 * to `text`, which has room for the token's length. */
int chaos__lexer_decode(struct chaos__lexer *lexer, char *text,
                        size_t *length_r);

#endif
