// The two entries of libFuzzer (https://llvm.org/docs/LibFuzzer.html) that a program with a `main` of its own calls.
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(
    int *_Nonnull count,
    char *_Nullable *_Nonnull *_Nonnull arguments,
    int (*_Nonnull run)(const uint8_t *_Nonnull data, size_t size)
);
size_t LLVMFuzzerMutate(uint8_t *_Nonnull data, size_t size, size_t limit);
