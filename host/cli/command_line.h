// The words of the command line. Knows no configuration key and opens nothing but to see whether a path is a
// checkpoint.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "launch/ranks.h"

namespace selfsup::cli {

enum class Command {
  train,
  config,
  validate,
  views,
  benchmark,
  reconstruct,
  knn,
  probe,
  embed,
  export_weights,
  list,
  inspect,
  stamp,
  env,
  help,
  version
};

// Some of the words, as they were given: a flag with its values, or a word by itself, whose flag is "".
struct Part {
  std::string flag;
  std::vector<std::string> words;
};

struct CommandLine {
  Command command = Command::train;
  // CONFIG, the plugin of inspect and stamp, or the checkpoint of export; "": inspect --schema of the host itself
  std::string target;
  std::vector<std::string> plugins, plugin_dirs, cfg_options;
  std::optional<std::string> work_dir, load_from, device;
  std::optional<std::string> resume;      // "": the newest of the work folder; else a path
  std::optional<std::string> checkpoint;  // of a command that looks at a trained model; none: the newest
  std::optional<std::string> images, format,
      out;  // of embed; of export; of what writes a file: the second word of export
  std::optional<int64_t> seed;
  bool overwrite = false, amp = false, auto_scale_lr = false;
  bool unstamped = false, json = false, schema = false, sources = false, scan = false;
  launch::Asked ranks;
  std::vector<Part> parts;  // all words, in order
};

// words: without the program's name. Flags stand before or after CONFIG. Error(usage) with the nearest name.
CommandLine parse_command_line(const std::vector<std::string>& words);

// The dedicated flags as values of the configuration, laid over everything else.
void apply_flags(Json& tree, const CommandLine& line);

std::string help_text();

}  // namespace selfsup::cli
