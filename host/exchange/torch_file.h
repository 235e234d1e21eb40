// Files of torch.save, the ZIP archives of today and what PyTorch wrote before version 1.6: the tensors of the
// state_dict within. Runs nothing. Knows no model.
#pragma once
#include <string>

#include "base/file.h"
#include "exchange/weights.h"

namespace selfsup::exchange {

// Whether the first bytes are those of such a file.
bool is_torch_file(const RegularFile& file);

// Error(checkpoint) naming the file.
Weights open_torch_file(const RegularFile& file, const std::string& path);

}  // namespace selfsup::exchange
