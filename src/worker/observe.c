/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See observe.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board/metrics.h"
#include "board/show.h"
#include "log/log.h"
#include "worker/builtin.h"
#include "worker/observe.h"

#define REQUEST_MAX	8192	/* bytes, all its lines */

/* A text that is made and sent at once. */
struct page {
	char	*text;
	size_t	 len;
	FILE	*f;
};

static bool
page_open(struct page *page)
{
	page->text = NULL;
	page->f = open_memstream(&page->text, &page->len);
	return page->f != NULL;
}

/* Whether all of it is there; it is to be freed in any case. */
static bool
page_close(struct page *page)
{
	return fclose(page->f) == 0;
}

static void
cannot(struct conn *c)
{
	log_error("cannot tell the status: %s", strerror(errno));
	c->outcome = BOARD_FAILED;
}

/* The board as one of the two has it.  false: there is no memory. */
static bool
describe(struct page *page, const struct board *board,
    void (*show)(FILE *, const struct view *))
{
	struct view view;

	if (view_take(&view, board) == -1)
		return false;
	if (!page_open(page)) {
		view_free(&view);
		return false;
	}
	show(page->f, &view);
	view_free(&view);
	return page_close(page);
}

void
observe_status(struct conn *c, const struct board *board)
{
	struct page page = { .text = NULL };

	if (describe(&page, board, show_status))
		builtin_reply(c, page.text, page.len);
	else
		cannot(c);
	free(page.text);
}

/* -- HTTP -- */

/* Where the lines of a request end; NULL: not yet. */
static const char *
end_of_head(const char *buf)
{
	const char *a = strstr(buf, "\r\n\r\n"), *b = strstr(buf, "\n\n");

	return a != NULL ? a : b;
}

/*
 * Read a request, up to the empty line.  false: none came, and the outcome
 * says why; one that is no request is found out by who reads it.
 */
static bool
read_request(struct conn *c, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = conn_receive(c, buf + len, size - 1 - len);
		if (n <= 0)
			break;
		/* A NUL is in no request. */
		if (memchr(buf + len, '\0', (size_t)n) != NULL)
			break;
		len += (size_t)n;
		buf[len] = '\0';
	} while (end_of_head(buf) == NULL && len < size - 1);
	buf[len] = '\0';
	return n >= 0;
}

/* Whether a request line asks for something with this method. */
static bool
is_method(const char *line, const char *method)
{
	size_t len = strlen(method);

	return strncmp(line, method, len) == 0 && line[len] == ' ';
}

/* Whether what it asks for is here, whatever follows a question mark. */
static bool
is_here(const char *line)
{
	const char *path = line + strcspn(line, " ") + 1;
	size_t len = strcspn(path, " ?\r\n");

	return (len == 1 && path[0] == '/') ||
	    (len == 8 && strncmp(path, "/metrics", 8) == 0);
}

/* Whether the first line is one of HTTP/1. */
static bool
is_http(const char *line)
{
	const char *end = line + strcspn(line, "\r\n");
	const char *version = end - strlen("HTTP/1.x");

	return version > line && version[-1] == ' ' &&
	    strncmp(version, "HTTP/1.", 7) == 0;
}

/* What a request is answered. */
static const char *
judge(const char *request)
{
	if (end_of_head(request) == NULL)
		return strlen(request) == REQUEST_MAX - 1 ?
		    "431 Request Header Fields Too Large" : "400 Bad Request";
	if (!is_http(request))
		return "400 Bad Request";
	if (!is_method(request, "GET") && !is_method(request, "HEAD"))
		return "405 Method Not Allowed";
	return is_here(request) ? "200 OK" : "404 Not Found";
}

/* Head and body as one text, so that a short one needs one segment. */
static void
answer(struct conn *c, const char *status, const char *type,
    const struct page *body, bool has_body)
{
	struct page page;

	if (!page_open(&page)) {
		cannot(c);
		return;
	}
	fprintf(page.f, "HTTP/1.1 %s\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\n%sConnection: close\r\n\r\n", status, type,
	    body->len, strncmp(status, "405", 3) == 0 ?
	    "Allow: GET, HEAD\r\n" : "");
	if (has_body)
		fwrite(body->text, 1, body->len, page.f);
	if (page_close(&page))
		builtin_reply(c, page.text, page.len);
	else
		cannot(c);
	free(page.text);
}

static void
answer_error(struct conn *c, const char *status, bool has_body)
{
	char text[80];
	const struct page page = {
		.text = text,
		.len = (size_t)snprintf(text, sizeof text, "%s\n", status)
	};

	answer(c, status, "text/plain; charset=utf-8", &page, has_body);
}

void
observe_metrics(struct conn *c, const struct board *board)
{
	char request[REQUEST_MAX];
	struct page page = { .text = NULL };
	const char *status;
	bool has_body;

	if (!read_request(c, request, sizeof request))
		return;
	status = judge(request);
	has_body = !is_method(request, "HEAD");
	if (strncmp(status, "200", 3) != 0)
		answer_error(c, status, has_body);
	else if (describe(&page, board, show_metrics))
		answer(c, status, METRICS_TYPE, &page, has_body);
	else
		cannot(c);
	free(page.text);
}
