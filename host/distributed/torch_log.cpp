#include "distributed/torch_log.h"

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <cstdlib>

#include "base/log.h"

namespace selfsup::distributed {
namespace {

class ToLog final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override { log_warning("LibTorch: " + warning.msg()); }
};

}  // namespace

void quieten_torch_log() {
  if (std::getenv("TORCH_CPP_LOG_LEVEL")) {
    c10::initLogging();  // which reads it
    return;
  }
  FLAGS_caffe2_log_level = c10::GLOG_FATAL;
  static ToLog to_log;
  c10::WarningUtils::set_warning_handler(&to_log);
}

}  // namespace selfsup::distributed
