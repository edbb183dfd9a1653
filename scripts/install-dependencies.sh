#!/usr/bin/env bash
# Installs what the build needs from the system and says so; does nothing if all of it is there.
# Debian and Ubuntu by apt (as root or with sudo), macOS by Homebrew.
# With --test also what the tests need.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

if ! command -v swift >/dev/null; then
    say "Swift 6.2 or newer is missing. Get it from https://www.swift.org/install/ and try again."
    exit 1
fi

install_apt() {
    local missing=()
    for package in "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed \
            || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            say "Missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
            exit 1
        fi
        sudo=(sudo)
    fi
    say "Installing with apt: ${missing[*]}"
    # Package lists may be absent on a fresh machine, or old.
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

case "$(uname -s)" in
Linux)
    if ! command -v apt-get >/dev/null; then
        say "This script knows apt only. Install oneDNN, FFmpeg 5.1 or newer and SQLite with their headers" \
            "(libdnnl-dev, onednn-devel; libavformat-dev, libavfilter-dev, ffmpeg-devel; libsqlite3-dev, sqlite-devel) yourself."
        [ -e /usr/include/dnnl.h ] || [ -e /usr/include/oneapi/dnnl/dnnl.h ] || exit 1
        exit 0
    fi
    packages=(libdnnl-dev libavformat-dev libavcodec-dev libavfilter-dev libswresample-dev libavutil-dev libsqlite3-dev pkg-config)
    if [ "${1:-}" = --test ]; then
        # ffmpeg decodes what is encoded here, nginx stands in front of a server by deploy/nginx.conf.
        packages+=(curl ffmpeg nginx-light)
        python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
        # The page is tested in a browser without a window.
        command -v chromium google-chrome >/dev/null || packages+=(chromium-headless-shell)
    fi
    install_apt "${packages[@]}"
    ;;
Darwin)
    if ! command -v brew >/dev/null; then
        say "Homebrew is missing. Get it from https://brew.sh and try again."
        exit 1
    fi
    for formula in onednn ffmpeg pkgconf; do
        brew list --versions "$formula" >/dev/null 2>&1 && continue
        say "Installing with Homebrew: $formula"
        brew install "$formula" >&2
    done
    ;;
*)
    say "Unknown system $(uname -s): install oneDNN, FFmpeg 5.1 or newer and SQLite with their headers yourself."
    ;;
esac
