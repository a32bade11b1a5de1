/* SPDX-License-Identifier: MIT */
#include "config/lexer.h"

#include <string.h>

/* Not <ctype.h>: the locale has no say in what a configuration means. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_key_start(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_key_char(char c)
{
    return is_key_start(c) || is_digit(c) || c == '_' || c == '.';
}

/* As xl's lexer has it: 0x40, and also 1fx. */
static bool is_number_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || c == 'x';
}

size_t chaos__syntax_key_length(const char *text, size_t length)
{
    size_t n = 0;

    if (length == 0 || !is_key_start(text[0]))
        return 0;
    while (n < length && is_key_char(text[n]))
        n++;
    return n;
}

int chaos__lexer_shown(const struct chaos__token *token)
{
    return (int)(token->length < CHAOS__LEXER_SHOWN_MAX
                     ? token->length
                     : CHAOS__LEXER_SHOWN_MAX);
}

static int fail_byte(struct chaos__lexer *lexer)
{
    unsigned char c = (unsigned char)*lexer->cursor;
    const struct chaos__position *at = &lexer->token.at;

    if (c == '\r')
        return CHAOS__LEXER_FAIL(
            lexer, at, "carriage return: end lines with a newline alone");
    if (c == '\0')
        return CHAOS__LEXER_FAIL(lexer, at,
                                 "NUL byte: this is not a text file");
    if (c > ' ' && c < 0x7f)
        return CHAOS__LEXER_FAIL(
            lexer, at,
            "unexpected '%c': a value that is not a number needs "
            "quotes, a key is written in lower case",
            c);
    return CHAOS__LEXER_FAIL(
        lexer, at, "unexpected byte 0x%02x: put it in quotes or remove it", c);
}

/* Finds the end of the quoted string at the cursor. */
static int lex_string(struct chaos__lexer *lexer)
{
    const char quote = *lexer->cursor;
    const char *p;

    for (p = lexer->cursor + 1; p < lexer->end; p++) {
        if (*p == quote) {
            lexer->token.kind = CHAOS__TOKEN_STRING;
            lexer->token.length = (size_t)(p + 1 - lexer->cursor);
            return 0;
        }
        if (*p == '\\' && p + 1 < lexer->end)
            p++;
        if (*p == '\n')
            break;
        if (*p == '\0') {
            lexer->cursor = p;
            return fail_byte(lexer);
        }
    }
    return CHAOS__LEXER_FAIL(lexer, &lexer->token.at,
                             "string without its end: add %c on the same line "
                             "(a newline inside a string is written \\n)",
                             quote);
}

/* Sets the kind and length of the token at the cursor. */
static int lex_token(struct chaos__lexer *lexer)
{
    struct chaos__token *token = &lexer->token;
    const char c = *lexer->cursor;
    size_t left = (size_t)(lexer->end - lexer->cursor);

    token->length = 1;
    switch (c) {
    case '\n':
        token->kind = CHAOS__TOKEN_NEWLINE;
        return 0;
    case ';':
        token->kind = CHAOS__TOKEN_SEMICOLON;
        return 0;
    case ',':
        token->kind = CHAOS__TOKEN_COMMA;
        return 0;
    case '[':
        token->kind = CHAOS__TOKEN_OPEN;
        return 0;
    case ']':
        token->kind = CHAOS__TOKEN_CLOSE;
        return 0;
    case '=':
        token->kind = CHAOS__TOKEN_ASSIGN;
        return 0;
    case '+':
        token->kind = CHAOS__TOKEN_ADD;
        token->length = 2;
        return left > 1 && lexer->cursor[1] == '=' ? 0 : fail_byte(lexer);
    case '\'':
    case '"':
        return lex_string(lexer);
    default:
        break;
    }
    if (is_key_start(c)) {
        token->kind = CHAOS__TOKEN_KEY;
        token->length = chaos__syntax_key_length(lexer->cursor, left);
        return 0;
    }
    if (!is_digit(c))
        return fail_byte(lexer);
    token->kind = CHAOS__TOKEN_NUMBER;
    while (token->length < left && is_number_char(lexer->cursor[token->length]))
        token->length++;
    return 0;
}

int chaos__lexer_advance(struct chaos__lexer *lexer)
{
    struct chaos__token *token = &lexer->token;
    int rc;

    while (lexer->cursor < lexer->end &&
           (*lexer->cursor == ' ' || *lexer->cursor == '\t'))
        lexer->cursor++;
    token->at.line = lexer->line;
    token->at.column = (uint32_t)(lexer->cursor - lexer->line_start) + 1;
    if (lexer->cursor < lexer->end && *lexer->cursor == '#') {
        const char *newline =
            memchr(lexer->cursor, '\n', (size_t)(lexer->end - lexer->cursor));

        lexer->cursor = newline ? newline : lexer->end;
    }
    token->start = lexer->cursor;
    token->length = 0;
    token->kind = CHAOS__TOKEN_END;
    if (lexer->cursor == lexer->end)
        return 0;
    rc = lex_token(lexer);
    if (rc < 0)
        return rc;
    lexer->cursor += token->length;
    if (token->kind == CHAOS__TOKEN_NEWLINE) {
        lexer->line++;
        lexer->line_start = lexer->cursor;
    }
    return 0;
}

int chaos__lexer_fail_token(struct chaos__lexer *lexer, const char *expected)
{
    const struct chaos__token *token = &lexer->token;

    if (token->kind == CHAOS__TOKEN_END || token->kind == CHAOS__TOKEN_NEWLINE)
        return CHAOS__LEXER_FAIL(
            lexer, &token->at, "expected %s before the end of %s", expected,
            token->kind == CHAOS__TOKEN_END ? "the text" : "the line");
    return CHAOS__LEXER_FAIL(lexer, &token->at, "expected %s, not %.*s",
                             expected, chaos__lexer_shown(token), token->start);
}

/* The digits of a numeric escape; returns how many, 0 if they are wrong. */
static size_t decode_number(const char *p, const char *end, bool is_hex,
                            char *byte_r)
{
    const size_t digits_max = is_hex ? 2 : 3;
    unsigned value = 0;
    size_t n;

    for (n = 0; n < digits_max && p + n < end; n++) {
        char c = p[n];
        unsigned digit;

        if (c >= '0' && c <= (is_hex ? '9' : '7'))
            digit = (unsigned)(c - '0');
        else if (is_hex && c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else if (is_hex && c >= 'A' && c <= 'F')
            digit = (unsigned)(c - 'A') + 10;
        else
            break;
        value = value * (is_hex ? 16 : 8) + digit;
    }
    /* A NUL would end the string for whoever reads it. */
    if (value == 0 || value > 255 || (is_hex && n != 2))
        return 0;
    *byte_r = (char)value;
    return n;
}

int chaos__lexer_decode(struct chaos__lexer *lexer, char *text,
                        size_t *length_r)
{
    static const char names[] = "abfnrtv\"'\\";
    static const char bytes[] = "\a\b\f\n\r\t\v\"'\\";
    const struct chaos__token *token = &lexer->token;
    const char *p = token->start + 1;
    const char *end = token->start + token->length - 1;
    size_t length = 0;

    while (p < end) {
        struct chaos__position at = token->at;
        const char *name;
        size_t digits;

        if (*p != '\\') {
            text[length++] = *p++;
            continue;
        }
        at.column += (uint32_t)(p - token->start);
        p++;
        name = memchr(names, *p, sizeof(names) - 1);
        if (name) {
            text[length++] = bytes[name - names];
            p++;
            continue;
        }
        if (*p != 'x' && !(*p >= '0' && *p <= '7'))
            return CHAOS__LEXER_FAIL(
                lexer, &at,
                "unknown escape: a backslash in a string is "
                "written \\\\");
        p += *p == 'x';
        digits = decode_number(p, end, p[-1] == 'x', &text[length]);
        if (digits == 0)
            return CHAOS__LEXER_FAIL(
                lexer, &at,
                "bad number in an escape: write \\x and two hex "
                "digits, or up to three octal ones, for a byte "
                "that is not 0");
        length++;
        p += digits;
    }
    text[length] = '\0';
    *length_r = length;
    return 0;
}
