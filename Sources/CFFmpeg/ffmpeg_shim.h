#pragma once
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/hash.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

// Macros that Swift doesn't see.
static const int ff_error_eof = AVERROR_EOF;
static const int ff_error_invalid_data = AVERROR_INVALIDDATA;
static const int ff_error_no_stream = AVERROR_STREAM_NOT_FOUND;
static const int ff_error_no_decoder = AVERROR_DECODER_NOT_FOUND;
static const int ff_error_again = AVERROR(EAGAIN);
static const int64_t ff_no_timestamp = AV_NOPTS_VALUE;
