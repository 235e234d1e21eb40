// Pipelines of the tests: specifications as a run resolves them, and one sample through.
#pragma once
#include <string>

#include "data/transforms/pipeline.h"

namespace selfsup::data::test {

// Checked against the schemas, with defaults; the first problem is thrown as Error(usage). A type that is not built in
// passes as it is.
Json resolved(const std::string& pipeline);

Sample run(const Pipeline& pipeline, const Image& image, int64_t index, uint64_t epoch = 0);

}  // namespace selfsup::data::test
