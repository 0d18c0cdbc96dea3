/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/frames.h"

#include "common/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* What a block takes besides its bytes: files of one row are blocks, too. */
#define FRAME_COST ((size_t)2048)

#define CODECS (CODEC_FAST + 1)

/* Those of a thread, made when they are needed. */
struct compressors {
	struct compressor *of[CODECS];
};

struct frames {
	pthread_t *threads;
	unsigned thread_count, started;
	struct compressors own; /* without threads */
	struct frame *spare;
	size_t bytes, limit; /* of blocks under way */

	pthread_mutex_t lock;
	pthread_cond_t work, ready;
	struct frame *head, *tail; /* in order */
	struct frame *todo;        /* the first that nobody has taken */
	bool stop;
};

struct frames *
frames_new(unsigned workers)
{
	struct frames *f = xcalloc(1, sizeof(*f));

	f->thread_count = workers;
	f->threads = xcalloc(workers + 1, sizeof(*f->threads));
	f->limit = ((size_t)workers + 2) << 20;
	if (f->limit > FRAMES_BYTES)
		f->limit = FRAMES_BYTES;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->work, NULL);
	pthread_cond_init(&f->ready, NULL);
	return f;
}

static void
make_frame(struct compressors *c, struct frame *frame)
{
	struct compressor **one = &c->of[frame->codec];

	if (frame->in.len == 0 && !frame->empty)
		return;
	if (frame->codec == CODEC_NONE) {
		struct buf swap = frame->out;

		frame->out = frame->in;
		frame->in = swap;
		return;
	}
	if (*one == NULL)
		*one = compressor_new(frame->codec);
	frame->rc = compressor_frame(*one,
	    frame->in.data != NULL ? frame->in.data : "", frame->in.len,
	    &frame->out, &frame->err);
}

static void
free_compressors(struct compressors *c)
{
	for (size_t i = 0; i < CODECS; i++)
		compressor_free(c->of[i]);
}

static void *
worker(void *arg)
{
	struct frames *f = arg;
	struct compressors c = { 0 };

	pthread_mutex_lock(&f->lock);
	for (;;) {
		struct frame *frame;

		while (f->todo == NULL && !f->stop)
			pthread_cond_wait(&f->work, &f->lock);
		if (f->stop)
			break;
		frame = f->todo;
		f->todo = frame->next;
		pthread_mutex_unlock(&f->lock);
		make_frame(&c, frame);
		pthread_mutex_lock(&f->lock);
		frame->done = true;
		if (frame == f->head)
			pthread_cond_signal(&f->ready);
	}
	pthread_mutex_unlock(&f->lock);
	free_compressors(&c);
	return NULL;
}

/* One more thread if there may be one; signals stay with the main thread. */
static void
start_thread(struct frames *f)
{
	sigset_t all, old;

	if (f->started == f->thread_count)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&f->threads[f->started], NULL, worker, f) == 0)
		f->started++;
	else
		f->thread_count = f->started; /* do with those there are */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static struct frame *
new_frame(struct frames *f)
{
	struct frame *frame = f->spare;

	if (frame == NULL)
		return xcalloc(1, sizeof(*frame));
	f->spare = frame->next;
	frame->next = NULL;
	return frame;
}

void
frames_buffer(struct frames *f, struct buf *b)
{
	if (b->data == NULL && f->spare != NULL) {
		*b = f->spare->in;
		f->spare->in = (struct buf){ 0 };
	}
}

bool
frames_full(struct frames *f, size_t len)
{
	return f->head != NULL && f->bytes + len + FRAME_COST > f->limit;
}

void
frames_submit(struct frames *f, struct buf *data, enum codec codec, void *tag,
    bool empty)
{
	struct frame *frame = new_frame(f);

	buf_release(&frame->in);
	frame->in = *data;
	*data = (struct buf){ 0 };
	frame->tag = tag;
	frame->codec = codec;
	frame->empty = empty;
	frame->done = false;
	frame->rc = 0;
	f->bytes += frame->in.len + FRAME_COST;
	if (codec != CODEC_NONE)
		start_thread(f);
	pthread_mutex_lock(&f->lock);
	if (f->head == NULL)
		f->head = frame;
	else
		f->tail->next = frame;
	f->tail = frame;
	if (f->todo == NULL)
		f->todo = frame;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
}

/* Without threads the frame is made when it is asked for. */
static void
make_inline(struct frames *f)
{
	make_frame(&f->own, f->head);
	f->head->done = true;
	f->todo = f->head->next;
}

int
frames_next(struct frames *f, bool wait, struct frame **out, struct error *err)
{
	struct frame *frame;

	pthread_mutex_lock(&f->lock);
	if (f->head != NULL && !f->head->done && f->started == 0)
		make_inline(f);
	while (wait && f->head != NULL && !f->head->done)
		pthread_cond_wait(&f->ready, &f->lock);
	frame = f->head != NULL && f->head->done ? f->head : NULL;
	if (frame != NULL)
		f->head = frame->next;
	pthread_mutex_unlock(&f->lock);
	if (frame == NULL)
		return 0;
	*out = frame;
	if (frame->rc == 0)
		return 1;
	*err = frame->err;
	frames_recycle(f, frame);
	return -1;
}

void
frames_recycle(struct frames *f, struct frame *frame)
{
	/* What one huge row needed is not kept. */
	size_t len = frame->in.cap > frame->out.cap ? frame->in.cap
	                                            : frame->out.cap;

	f->bytes -= frame->codec == CODEC_NONE ? frame->out.len : frame->in.len;
	f->bytes -= FRAME_COST;
	if (len > 4 * IO_BLOCK) {
		buf_release(&frame->in);
		buf_release(&frame->out);
	}
	buf_reset(&frame->in);
	buf_reset(&frame->out);
	frame->next = f->spare;
	f->spare = frame;
}

static void
free_list(struct frame *list)
{
	while (list != NULL) {
		struct frame *next = list->next;

		buf_release(&list->in);
		buf_release(&list->out);
		free(list);
		list = next;
	}
}

void
frames_free(struct frames *f)
{
	if (f == NULL)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->work);
	pthread_mutex_unlock(&f->lock);
	for (unsigned i = 0; i < f->started; i++)
		pthread_join(f->threads[i], NULL);
	free_list(f->head);
	free_list(f->spare);
	free_compressors(&f->own);
	pthread_cond_destroy(&f->ready);
	pthread_cond_destroy(&f->work);
	pthread_mutex_destroy(&f->lock);
	free(f->threads);
	free(f);
}
