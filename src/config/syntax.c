/* SPDX-License-Identifier: MIT */
#include "config/lexer.h"

#include <stdlib.h>
#include <string.h>

struct chaos__arena_chunk {
    struct chaos__arena_chunk *next;
    size_t used;
    size_t size;
    max_align_t bytes[];
};

struct parser {
    struct chaos__lexer lexer;
    struct chaos__syntax *syntax;
};

/* Memory for as long as the syntax lives; NULL when there is none left. */
static void *arena_alloc(struct chaos__syntax *syntax, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    struct chaos__arena_chunk *chunk = syntax->chunks;
    void *memory;

    size = (size + align - 1) / align * align;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t chunk_size = chunk ? 2 * chunk->size : 1024;

        if (chunk_size < size)
            chunk_size = size;
        chunk = malloc(sizeof(*chunk) + chunk_size);
        if (!chunk)
            return NULL;
        chunk->next = syntax->chunks;
        chunk->used = 0;
        chunk->size = chunk_size;
        syntax->chunks = chunk;
    }
    memory = (char *)chunk->bytes + chunk->used;
    chunk->used += size;
    return memory;
}

static char *arena_copy(struct chaos__syntax *syntax, const char *text,
                        size_t length)
{
    char *copy = arena_alloc(syntax, length + 1);

    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void chaos__syntax_free(struct chaos__syntax *syntax)
{
    while (syntax->chunks) {
        struct chaos__arena_chunk *next = syntax->chunks->next;

        free(syntax->chunks);
        syntax->chunks = next;
    }
    syntax->first = NULL;
    syntax->last = NULL;
    syntax->count = 0;
}

static int parse_atom(struct parser *parser, struct chaos__value *value)
{
    const struct chaos__token *token = &parser->lexer.token;
    char *text;
    int rc;

    text = arena_copy(parser->syntax, token->start, token->length);
    if (!text)
        return chaos__fail_memory(parser->lexer.err);
    value->kind = CHAOS__VALUE_ATOM;
    value->at = token->at;
    value->u.atom.text = text;
    value->u.atom.length = token->length;
    value->u.atom.capacity = token->length;
    if (token->kind == CHAOS__TOKEN_STRING) {
        rc = chaos__lexer_decode(&parser->lexer, text, &value->u.atom.length);
        if (rc < 0)
            return rc;
    }
    return chaos__lexer_advance(&parser->lexer);
}

static int skip_newlines(struct parser *parser)
{
    int rc = 0;

    while (rc == 0 && parser->lexer.token.kind == CHAOS__TOKEN_NEWLINE)
        rc = chaos__lexer_advance(&parser->lexer);
    return rc;
}

static void append_item(struct chaos__value *list, struct chaos__value *item)
{
    item->next = NULL;
    if (list->u.list.last)
        list->u.list.last->next = item;
    else
        list->u.list.first = item;
    list->u.list.last = item;
    list->u.list.count++;
}

static int parse_value(struct parser *parser, struct chaos__value *value,
                       unsigned depth);

/* Behind a list's `[`: its items and the `]`.  A comma may follow the last
 * item; newlines may stand between any two of these. */
static int parse_list(struct parser *parser, struct chaos__value *list,
                      unsigned depth)
{
    int rc = skip_newlines(parser);

    while (rc == 0 && parser->lexer.token.kind != CHAOS__TOKEN_CLOSE) {
        struct chaos__value *item;

        item = arena_alloc(parser->syntax, sizeof(*item));
        if (!item)
            return chaos__fail_memory(parser->lexer.err);
        rc = parse_value(parser, item, depth);
        if (rc == 0)
            rc = skip_newlines(parser);
        if (rc < 0)
            return rc;
        append_item(list, item);
        if (parser->lexer.token.kind == CHAOS__TOKEN_CLOSE)
            break;
        if (parser->lexer.token.kind != CHAOS__TOKEN_COMMA)
            return chaos__lexer_fail_token(&parser->lexer,
                                           "a comma or ] in a list");
        rc = chaos__lexer_advance(&parser->lexer);
        if (rc == 0)
            rc = skip_newlines(parser);
    }
    return rc < 0 ? rc : chaos__lexer_advance(&parser->lexer);
}

static int parse_value(struct parser *parser, struct chaos__value *value,
                       unsigned depth)
{
    const enum chaos__token_kind kind = parser->lexer.token.kind;
    int rc;

    memset(value, 0, sizeof(*value));
    if (kind == CHAOS__TOKEN_STRING || kind == CHAOS__TOKEN_NUMBER)
        return parse_atom(parser, value);
    if (kind == CHAOS__TOKEN_KEY)
        return CHAOS__LEXER_FAIL(&parser->lexer, &parser->lexer.token.at,
                                 "a string needs quotes: write \"%.*s\"",
                                 chaos__lexer_shown(&parser->lexer.token),
                                 parser->lexer.token.start);
    if (kind != CHAOS__TOKEN_OPEN)
        return chaos__lexer_fail_token(
            &parser->lexer, "a number, a string in quotes or a [list]");
    if (depth == CHAOS__SYNTAX_DEPTH_MAX)
        return CHAOS__LEXER_FAIL(
            &parser->lexer, &parser->lexer.token.at,
            "lists nest deeper than %u: use fewer brackets",
            CHAOS__SYNTAX_DEPTH_MAX);
    value->kind = CHAOS__VALUE_LIST;
    value->at = parser->lexer.token.at;
    rc = chaos__lexer_advance(&parser->lexer);
    return rc < 0 ? rc : parse_list(parser, value, depth + 1);
}

/* Grows by doubling, so that many additions cost linear time. */
static int append_atom(struct parser *parser, struct chaos__value *value,
                       const struct chaos__value *addition)
{
    const size_t length = value->u.atom.length + addition->u.atom.length;

    if (length > value->u.atom.capacity) {
        char *text = arena_alloc(parser->syntax, 2 * length + 1);

        if (!text)
            return chaos__fail_memory(parser->lexer.err);
        memcpy(text, value->u.atom.text, value->u.atom.length);
        value->u.atom.text = text;
        value->u.atom.capacity = 2 * length;
    }
    memcpy(value->u.atom.text + value->u.atom.length, addition->u.atom.text,
           addition->u.atom.length + 1);
    value->u.atom.length = length;
    value->at = addition->at;
    return 0;
}

static int append_value(struct parser *parser, struct chaos__value *value,
                        const struct chaos__value *addition)
{
    if (value->kind != addition->kind)
        return CHAOS__LEXER_FAIL(
            &parser->lexer, &addition->at,
            "+= cannot add a %s to a %s: add the same kind",
            addition->kind == CHAOS__VALUE_LIST ? "list" : "string",
            value->kind == CHAOS__VALUE_LIST ? "list" : "string");
    if (value->kind == CHAOS__VALUE_ATOM)
        return append_atom(parser, value, addition);
    if (addition->u.list.count == 0)
        return 0;
    if (value->u.list.last)
        value->u.list.last->next = addition->u.list.first;
    else
        value->u.list.first = addition->u.list.first;
    value->u.list.last = addition->u.list.last;
    value->u.list.count += addition->u.list.count;
    value->at = addition->at;
    return 0;
}

static struct chaos__setting *find_setting(const struct chaos__syntax *syntax,
                                           const char *name, size_t length)
{
    struct chaos__setting *setting;

    for (setting = syntax->first; setting; setting = setting->next) {
        if (strncmp(setting->name, name, length) == 0 &&
            setting->name[length] == '\0')
            return setting;
    }
    return NULL;
}

static int store(struct parser *parser, bool is_added,
                 const struct chaos__value *value)
{
    struct chaos__syntax *syntax = parser->syntax;
    const struct chaos__token *key = &parser->lexer.key;
    struct chaos__setting *setting;

    setting = find_setting(syntax, key->start, key->length);
    if (setting) {
        setting->at = key->at;
        setting->is_added = is_added;
        if (is_added)
            return append_value(parser, &setting->value, value);
        setting->value = *value;
        return 0;
    }
    if (syntax->count == CHAOS__SYNTAX_SETTINGS_MAX)
        return CHAOS__LEXER_FAIL(
            &parser->lexer, &key->at,
            "more than %u keys: this is no guest's configuration",
            CHAOS__SYNTAX_SETTINGS_MAX);
    setting = arena_alloc(syntax, sizeof(*setting));
    if (!setting)
        return chaos__fail_memory(parser->lexer.err);
    setting->next = NULL;
    setting->name = arena_copy(syntax, key->start, key->length);
    if (!setting->name)
        return chaos__fail_memory(parser->lexer.err);
    setting->at = key->at;
    setting->is_added = is_added;
    setting->value = *value;
    if (syntax->last)
        syntax->last->next = setting;
    else
        syntax->first = setting;
    syntax->last = setting;
    syntax->count++;
    return 0;
}

static int parse_assignment(struct parser *parser)
{
    struct chaos__value value;
    enum chaos__token_kind op;
    int rc;

    if (parser->lexer.token.kind != CHAOS__TOKEN_KEY)
        return chaos__lexer_fail_token(&parser->lexer, "a key");
    parser->lexer.key = parser->lexer.token;
    rc = chaos__lexer_advance(&parser->lexer);
    if (rc < 0)
        return rc;
    op = parser->lexer.token.kind;
    if (op != CHAOS__TOKEN_ASSIGN && op != CHAOS__TOKEN_ADD)
        return chaos__lexer_fail_token(&parser->lexer,
                                       "= or += behind the key");
    rc = chaos__lexer_advance(&parser->lexer);
    if (rc == 0)
        rc = parse_value(parser, &value, 0);
    if (rc == 0)
        rc = store(parser, op == CHAOS__TOKEN_ADD, &value);
    if (rc < 0)
        return rc;
    switch (parser->lexer.token.kind) {
    case CHAOS__TOKEN_END:
        break;
    case CHAOS__TOKEN_NEWLINE:
    case CHAOS__TOKEN_SEMICOLON:
        parser->lexer.key.length = 0;
        return chaos__lexer_advance(&parser->lexer);
    default:
        return chaos__lexer_fail_token(&parser->lexer,
                                       "a newline or ; behind the value");
    }
    return 0;
}

int chaos__syntax_parse(struct chaos__syntax *syntax, const char *text,
                        size_t length, const char *source,
                        struct chaos_error *err)
{
    struct parser parser = {
        .lexer = { .source = source,
                   .cursor = text,
                   .end = text + length,
                   .line_start = text,
                   .line = 1,
                   .key = { .start = "" },
                   .err = err },
        .syntax = syntax,
    };
    int rc;

    memset(syntax, 0, sizeof(*syntax));
    syntax->source = source;
    if (length > CHAOS__SYNTAX_BYTES_MAX)
        return chaos__fail(err, CHAOS_EINVAL,
                           "%s: longer than %u bytes: this is no guest's "
                           "configuration",
                           source, CHAOS__SYNTAX_BYTES_MAX);
    rc = chaos__lexer_advance(&parser.lexer);
    while (rc == 0 && parser.lexer.token.kind != CHAOS__TOKEN_END) {
        if (parser.lexer.token.kind == CHAOS__TOKEN_NEWLINE ||
            parser.lexer.token.kind == CHAOS__TOKEN_SEMICOLON)
            rc = chaos__lexer_advance(&parser.lexer);
        else
            rc = parse_assignment(&parser);
    }
    return rc;
}

int chaos__syntax_bare(struct chaos__syntax *syntax, const char *name,
                       size_t name_length, const char *text, size_t length,
                       const struct chaos__position *at, bool is_added,
                       const char *source, struct chaos_error *err)
{
    struct parser parser = {
        .lexer = { .source = source,
                   .key = { .start = name,
                            .length = name_length,
                            .at = { 1, 1 } },
                   .err = err },
        .syntax = syntax,
    };
    struct chaos__value value = { .kind = CHAOS__VALUE_ATOM, .at = *at };

    memset(syntax, 0, sizeof(*syntax));
    syntax->source = source;
    value.u.atom.text = arena_copy(syntax, text, length);
    if (!value.u.atom.text)
        return chaos__fail_memory(err);
    value.u.atom.length = length;
    value.u.atom.capacity = length;
    return store(&parser, is_added, &value);
}
