// What LibTorch itself writes to stderr in a run of several ranks. Knows no rank.
#pragma once

namespace selfsup::distributed {

// LibTorch reports every connection that fails, with the stack, where it also throws: the run says it in one line. So
// its log is silent from now on, unless TORCH_CPP_LOG_LEVEL asks for it (INFO, WARNING, ERROR); warnings of its
// operators in this thread come as the program's own. Safe to call twice.
void quieten_torch_log();

}  // namespace selfsup::distributed
