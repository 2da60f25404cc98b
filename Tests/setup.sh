#!/usr/bin/env bash
# Makes sure that a fresh Debian or Ubuntu machine has what the build needs, or says exactly what to type.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

if ! command -v swift >/dev/null 2>&1; then
    say "lockstep needs Swift 6.2 or newer, and there is no \`swift\` on the PATH"
    say "install it from https://www.swift.org/install/linux/, then run the same command again"
    exit 1
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1)
read -r major minor <<<"${version:-0 0}"
if ((major < 6 || (major == 6 && minor < 2))); then
    say "lockstep needs Swift 6.2 or newer; this machine has ${major}.${minor}"
    exit 1
fi

missing=()
need() { # need HEADER-OR-COMMAND PACKAGE
    case "$1" in
        *.h)
            for folder in /usr/include /usr/include/* /usr/local/include; do
                [[ -e "$folder/$1" ]] && return
            done
            ;;
        *) command -v "$1" >/dev/null 2>&1 && return ;;
    esac
    missing+=("$2")
}
need sqlite3.h libsqlite3-dev
need yaml.h libyaml-dev
need pkg-config pkg-config
need ssh-keygen openssh-client
need python3 python3
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing+=(python3-venv)

if ((${#missing[@]} > 0)); then
    if ! command -v apt-get >/dev/null 2>&1; then
        say "missing: ${missing[*]} (names of the Debian packages); install them, then run the same command again"
        exit 1
    fi
    as_root=()
    if ((EUID != 0)); then
        if ! sudo -n true 2>/dev/null; then
            say "some system packages are missing; type this, then run the same command again:"
            say "  sudo apt-get update && sudo apt-get install -y ${missing[*]}"
            exit 1
        fi
        as_root=(sudo -n)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
