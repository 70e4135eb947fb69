/* Any bytes: the generated unpacker refuses them or packs them again, without harm. */
#include "bazel/fuzz/fuzz.h"
#include "frame/sample.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Frame__Sample *sample = frame__sample__unpack(NULL, size, data);
    if (sample)
        frame__sample__free_unpacked(sample, NULL);
    return 0;
}
