#!/usr/bin/env bash
# The same speech in every format that a recording may have, and files that are none.
# Usage: make_media_fixtures.sh SPEECH.wav      needs ffmpeg with libmp3lame, libopus and libvorbis
set -euo pipefail
cd "$(dirname "$0")/media"
make() { ffmpeg -hide_banner -loglevel error -y "$@" -map_metadata -1 -fflags +bitexact -flags:a +bitexact; }
make -i "$1" -ac 1 -ar 24000 -c:a pcm_s16le speech.wav
make -i speech.wav speech.flac
make -i speech.wav -c:a libmp3lame -b:a 48k speech.mp3
make -i speech.wav -c:a aac -b:a 48k speech.m4a
make -i speech.wav -c:a libopus -b:a 32k speech.opus
make -i speech.wav -c:a libvorbis -q:a 3 speech.ogg
make -i speech.wav -c:a libopus -b:a 32k speech.webm
make -i speech.wav -ac 2 -ar 44100 -c:a pcm_s24le -t 0.5 stereo.wav
make -f lavfi -i color=black:s=16x16:d=0.2 -c:v mpeg4 -an picture.mp4
printf '#EXTM3U\n#EXTINF:1,\nspeech.wav\n' > playlist.m3u8
printf "ffconcat version 1.0\nfile 'speech.wav'\n" > list.ffconcat
