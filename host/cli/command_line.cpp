// Written by hand: --cfg-options takes as many words as have the form KEY=VALUE, and --resume takes the next word only
// if it can be meant; no parser that we know of reads both as MMSelfSup's users type them.
#include "cli/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>

#include "base/errors.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "config/options.h"

namespace selfsup::cli {
namespace {

constexpr std::pair<const char*, Command> kCommands[] = {{"train", Command::train},
                                                         {"config", Command::config},
                                                         {"validate", Command::validate},
                                                         {"views", Command::views},
                                                         {"benchmark", Command::benchmark},
                                                         {"reconstruct", Command::reconstruct},
                                                         {"knn", Command::knn},
                                                         {"probe", Command::probe},
                                                         {"embed", Command::embed},
                                                         {"list", Command::list},
                                                         {"export", Command::export_weights},
                                                         {"inspect", Command::inspect},
                                                         {"stamp", Command::stamp},
                                                         {"env", Command::env},
                                                         {"help", Command::help},
                                                         {"version", Command::version}};

[[noreturn]] void refuse(const std::string& text) {
  throw Error(Exit::usage, text + "\nselfsup-host --help lists commands and flags");
}

constexpr unsigned bit(Command command) { return 1u << static_cast<unsigned>(command); }
// Those that look at a trained model.
constexpr unsigned kTrained = bit(Command::reconstruct) | bit(Command::knn) | bit(Command::probe) | bit(Command::embed);
constexpr unsigned kTrains = bit(Command::train) | bit(Command::config) | bit(Command::validate);
constexpr unsigned kRuns = kTrains | kTrained | bit(Command::views) | bit(Command::benchmark);
constexpr unsigned kWrites = bit(Command::views) | bit(Command::reconstruct) | bit(Command::knn) | bit(Command::embed);
constexpr unsigned kRanks = kRuns | bit(Command::env);
constexpr unsigned kNotes = bit(Command::list) | bit(Command::inspect);
constexpr unsigned kPlugins = kRuns | kNotes | bit(Command::export_weights);

const char* name_of(Command command) {
  return std::find_if(std::begin(kCommands), std::end(kCommands), [&](const auto& c) { return c.second == command; })
      ->first;
}

// "train, config and validate".
std::string names_of(unsigned commands) {
  std::vector<std::string> names;
  for (const auto& [name, command] : kCommands)
    if (commands & bit(command)) names.emplace_back(name);
  const std::string last = names.back();
  names.pop_back();
  return names.empty() ? last : fmt::format("{} and {}", fmt::join(names, ", "), last);
}

bool is_checkpoint(const std::string& path) {
  std::error_code failed;
  return std::filesystem::exists(std::filesystem::path(path) / "manifest.json", failed);
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) : words_(words) {
    const auto value = [this](std::optional<std::string>& into) { return [this, &into] { into = take_value(); }; };
    const auto number = [this](std::optional<int64_t>& into) { return [this, &into] { into = take_int(); }; };
    const auto on = [this](bool& into) { return [this, &into] { no_value(), into = true; }; };
    constexpr unsigned all = ~0u;
    flags_ = {
        {"--plugin", {kRuns, [this] { line_.plugins.push_back(take_value()); }}},
        {"--plugin-dir", {kPlugins, [this] { line_.plugin_dirs.push_back(take_value()); }}},
        {"--unstamped", {kPlugins, on(line_.unstamped)}},
        {"--work-dir", {kRuns, value(line_.work_dir)}},
        {"--load-from", {kTrains | bit(Command::benchmark), value(line_.load_from)}},
        {"--checkpoint", {kTrained, value(line_.checkpoint)}},
        {"--images", {bit(Command::embed), value(line_.images)}},
        {"--format", {bit(Command::export_weights), value(line_.format)}},
        {"--out", {kWrites, value(line_.out)}},
        {"--device", {kRuns, value(line_.device)}},
        {"--seed", {kRuns, number(line_.seed)}},
        {"--overwrite", {kTrains, on(line_.overwrite)}},
        {"--amp", {kRuns, on(line_.amp)}},
        {"--auto-scale-lr", {kRuns, on(line_.auto_scale_lr)}},
        {"--json", {kNotes, on(line_.json)}},
        {"--schema", {bit(Command::inspect), on(line_.schema)}},
        {"--sources", {bit(Command::config), on(line_.sources)}},
        {"--scan", {bit(Command::validate), on(line_.scan)}},
        {"--launcher", {kRanks, [this] { take_launcher(); }}},
        {"--local_rank", {kRanks, number(line_.ranks.local_rank)}},
        {"--local-rank", {kRanks, number(line_.ranks.local_rank)}},
        {"--nproc-per-node", {bit(Command::train), number(line_.ranks.nproc_per_node)}},
        {"--nnodes", {bit(Command::train), number(line_.ranks.nnodes)}},
        {"--node-rank", {bit(Command::train), number(line_.ranks.node_rank)}},
        {"--max-restarts", {bit(Command::train), number(line_.ranks.max_restarts)}},
        {"--master-addr", {bit(Command::train), value(line_.ranks.master_addr)}},
        {"--master-port", {bit(Command::train), number(line_.ranks.master_port)}},
        {"--resume", {kTrains, [this] { take_resume(); }}},
        {"--cfg-options", {kRuns, [this] { take_options(); }}},
        {"--help", {all, [this] { no_value(), asked_ = Command::help; }}},
        {"-h", {all, [this] { no_value(), asked_ = Command::help; }}},
        {"--version", {all, [this] { no_value(), asked_ = Command::version; }}},
    };
  }

  CommandLine parse() {
    for (const std::string& word : words_)  // they end up in files of JSON
      if (!valid_utf8(word)) refuse(fmt::format("{} is not UTF-8", to_text(Json(word))));
    std::vector<std::string> plain;
    bool only_plain = false;
    while (at_ < words_.size()) {
      const size_t from = at_;
      const std::string word = words_[at_++];
      std::string flag;
      if (only_plain || word.empty() || word[0] != '-' || word == "-") {
        plain.push_back(word);
      } else if (word == "--") {
        only_plain = true;
      } else {
        take_flag(word);
        flag = flag_;
      }
      const auto begin = words_.begin();
      line_.parts.push_back(
          {flag, {begin + static_cast<std::ptrdiff_t>(from), begin + static_cast<std::ptrdiff_t>(at_)}});
    }
    place(plain);
    return std::move(line_);
  }

 private:
  void take_flag(const std::string& word) {
    const size_t equals = word.find('=');
    flag_ = word.substr(0, equals);
    inline_value_.reset();
    if (equals != std::string::npos) inline_value_ = word.substr(equals + 1);
    const auto found = flags_.find(flag_);
    if (found == flags_.end()) {
      std::vector<std::string> names;
      for (const auto& [name, flag] : flags_) names.push_back(name);
      refuse(fmt::format("there is no flag {}{}", flag_, suggestion(flag_, names)));
    }
    given_.push_back(flag_);
    found->second.take();
  }

  std::string take_value() {
    if (!inline_value_) {
      const auto is_flag = [](const std::string& word) {
        return word.size() > 1 && word[0] == '-' && !std::isdigit(static_cast<unsigned char>(word[1]));
      };
      if (at_ >= words_.size() || is_flag(words_[at_])) refuse(fmt::format("{} needs a value", flag_));
      inline_value_ = words_[at_++];
    }
    if (inline_value_->empty()) refuse(fmt::format("{} needs a value; found an empty text", flag_));
    return *inline_value_;
  }

  void no_value() {
    if (inline_value_) refuse(fmt::format("{} takes no value; found \"{}\"", flag_, *inline_value_));
  }

  int64_t take_int() {
    const std::string text = take_value();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0)
      refuse(fmt::format("{} takes a whole number of 0 or more; found \"{}\"", flag_, text));
    return value;
  }

  void take_launcher() {
    const std::vector<std::string> known = {"auto", "none", "pytorch", "slurm", "mpi", "local"};
    const std::string name = take_value();
    if (std::find(known.begin(), known.end(), name) == known.end())
      refuse(fmt::format("--launcher is one of {}; found \"{}\"{}", fmt::join(known, ", "), name,
                         suggestion(name, known)));
    line_.ranks.launcher = name;
  }

  void take_resume() {
    line_.resume = "";
    if (inline_value_) {
      if (take_value() != "auto") line_.resume = *inline_value_;
    } else if (at_ < words_.size() && words_[at_] == "auto") {
      ++at_;
    } else if (at_ < words_.size() && is_checkpoint(words_[at_])) {
      line_.resume = words_[at_++];
    } else if (at_ < words_.size()) {
      beside_resume_ = words_[at_];
    }
  }

  void take_options() {
    if (inline_value_) return line_.cfg_options.push_back(*inline_value_);
    const size_t before = at_;
    while (at_ < words_.size() && config::is_option(words_[at_])) line_.cfg_options.push_back(words_[at_++]);
    if (at_ == before) refuse("--cfg-options needs words of the form KEY=VALUE, as in train_cfg.max_epochs=3");
  }

  // The command, if the first plain word is one, and its target.
  void place(std::vector<std::string>& plain) {
    if (asked_) {
      line_.command = *asked_;
      return;
    }
    if (plain.empty()) {
      if (words_.empty()) {
        line_.command = Command::help;
        return;
      }
      refuse("a configuration file is missing: selfsup-host --plugin PLUGIN.so CONFIG");
    }
    bool named = false;
    for (const auto& [name, command] : kCommands)
      if (plain.front() == name) line_.command = command, named = true;
    if (named) plain.erase(plain.begin());
    const Command command = line_.command;
    const bool alone =
        command == Command::list || command == Command::env || command == Command::help || command == Command::version;
    const bool hosts_schema = command == Command::inspect && line_.schema && plain.empty();
    const size_t wanted = alone || hosts_schema ? 0 : command == Command::export_weights ? 2 : 1;
    std::error_code failed;
    if (plain.size() > wanted && beside_resume_ &&
        std::find(plain.begin(), plain.end(), *beside_resume_) != plain.end() &&
        !std::filesystem::is_regular_file(*beside_resume_, failed))
      refuse(
          fmt::format("--resume takes the next word only if it is 'auto' or a checkpoint folder, and \"{}\" is none; "
                      "write --resume=PATH",
                      *beside_resume_));
    if (!named && plain.size() > wanted && plain.front().find_first_of("./") == std::string::npos)
      refuse_as_command(plain.front());
    if (plain.size() > wanted)
      refuse(fmt::format("\"{}\" is one word too many{}", plain[wanted],
                         config::is_option(plain[wanted]) ? ": --cfg-options stands before KEY=VALUE" : ""));
    if (plain.size() < wanted)
      refuse(command == Command::inspect || command == Command::stamp
                 ? fmt::format("{0} needs a plugin: selfsup-host {0} PLUGIN.so", name_of(command))
             : command == Command::export_weights
                 ? "export needs a checkpoint and a file: selfsup-host export --format FORMAT CHECKPOINT OUT"
                 : "a configuration file is missing");
    if (wanted) line_.target = plain.front();
    if (wanted == 2) line_.out = plain[1];
    if (!named && line_.target.find_first_of("./") == std::string::npos &&
        !std::filesystem::exists(line_.target, failed))
      refuse_as_command(line_.target);
    check_flags();
  }

  // Every flag must mean something to the command.
  void check_flags() const {
    for (const std::string& flag : given_)
      if (const unsigned commands = flags_.at(flag).commands; !(commands & bit(line_.command)))
        refuse(fmt::format("{} is of {}; found with {}", flag, names_of(commands), name_of(line_.command)));
    if (line_.ranks.launcher == "local" && line_.command != Command::train)
      refuse(fmt::format("--launcher local is of train; found with {}, which is one process", name_of(line_.command)));
    if (line_.schema && line_.json) refuse("--schema is JSON already; take --json away");
  }

  [[noreturn]] void refuse_as_command(const std::string& word) {
    std::vector<std::string> names;
    for (const auto& [name, command] : kCommands) names.emplace_back(name);
    refuse(fmt::format("there is no command or configuration file \"{}\"{}", word, suggestion(word, names)));
  }

  const std::vector<std::string>& words_;
  size_t at_ = 0;
  struct Flag {
    unsigned commands;  // bits of those that it is of
    std::function<void()> take;
  };

  std::string flag_;
  std::optional<std::string> inline_value_;
  std::optional<Command> asked_;
  CommandLine line_;
  std::map<std::string, Flag> flags_;
  std::vector<std::string> given_;
  std::optional<std::string> beside_resume_;  // the word after --resume, if that does not take it
};

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& words) { return Parser(words).parse(); }

void apply_flags(Json& tree, const CommandLine& line) {
  const auto set = [&](const char* key, Json value, const std::string& flag) {
    config::set_by_path(tree, key, std::move(value), Source{"flag", flag, 0, 0});
  };
  if (line.work_dir) set("work_dir", *line.work_dir, "--work-dir");
  if (line.load_from) set("load_from", *line.load_from, "--load-from");
  if (line.device) set("device", *line.device, "--device");
  if (line.seed) set("randomness.seed", *line.seed, "--seed");
  if (line.amp) set("optim_wrapper.type", "AmpOptimWrapper", "--amp");
  if (line.auto_scale_lr) set("auto_scale_lr.enable", true, "--auto-scale-lr");
  if (line.resume) set("resume", line.resume->empty() ? Json(true) : Json(*line.resume), "--resume");
}

std::string help_text() {
  return R"(selfsup-host: self-supervised pretraining with algorithms as plugins

  selfsup-host [train] CONFIG --plugin PLUGIN    train
  selfsup-host config CONFIG [--sources]         print the resolved configuration, and where each value comes from
  selfsup-host validate CONFIG [--scan]          check everything up to the first batch; --scan: and every image
  selfsup-host views CONFIG                      draw what the pipeline makes of some images
  selfsup-host benchmark CONFIG                  time loader and step, beside their limits
  selfsup-host reconstruct CONFIG                draw what a trained model makes of some images
  selfsup-host knn CONFIG                        judge a trained model's features by nearest neighbours
  selfsup-host probe CONFIG                      judge them by a linear probe
  selfsup-host embed CONFIG --out NAME           write features: NAME.npy and NAME.csv
  selfsup-host export --format FORMAT CHECKPOINT OUT
                                                 write weights for timm, torchvision, mmselfsup or safetensors
  selfsup-host list [--json]                     the plugins that are found, without running them
  selfsup-host inspect PLUGIN [--json|--schema]  one plugin; --schema loads it and prints the keys it takes
  selfsup-host inspect --schema                  the keys that the host itself takes
  selfsup-host stamp FILE                        write the digest into a plugin that a tool has rewritten
  selfsup-host env                               versions, processor, threads, LibTorch, which rank this is

Plugins
  --plugin PLUGIN        path (./mine.so) or bare name (mine.so); repeatable; the first brings the algorithm
  --plugin-dir DIR       where bare names are looked up first; repeatable (also SELFSUP_PLUGIN_PATH)
  --unstamped            take plugins without a digest too; damage of theirs is not told

The run
  --work-dir DIR         default: work_dirs/<name of CONFIG>
  --resume [auto|PATH]   go on from the newest checkpoint of the work folder, or from PATH
  --overwrite            start anew in a used work folder; the old run is moved aside
  --load-from PATH       start from the weights of a checkpoint folder, a .safetensors or a .pth file
  --checkpoint PATH      of reconstruct, knn, probe, embed: not the newest of the work folder but this one
  --images FOLDER        of embed: these images, not those of train_dataloader
  --out PATH             of views, reconstruct and embed: where the result goes; of knn: a picture of neighbours
  --cfg-options K=V ...  override keys: train_dataloader.batch_size=64 optim_wrapper.optimizer.lr=1e-3
  --amp                  mixed precision: bfloat16 on the CPU, float16 on CUDA
  --auto-scale-lr        scale the learning rate by batch / auto_scale_lr.base_batch_size
  --device auto|cpu|cuda auto takes CUDA if it answers; CUDA_VISIBLE_DEVICES=-1 means CPU
  --seed N               randomness.seed

Many ranks, each a process
  --launcher NAME        auto: the environment tells it; none: one process; pytorch, slurm, mpi: as started by torchrun,
                         srun, mpirun; local: this program starts them
  --nproc-per-node N     of local: ranks on this machine, one for each GPU
  --nnodes N             of local: machines; this one is --node-rank of them
  --node-rank N          of local: 0 for the machine of --master-addr
  --max-restarts N       of local: start again from the newest checkpoint if a rank is lost
  --master-addr ADDRESS  the machine of rank 0, by which the others reach it
  --master-port PORT     where rank 0 listens
  --local-rank N         what older launchers tell a rank

  --help  --version

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 plugin refused, 4 data, 5 storage, 6 checkpoint,
7 diverged, 75 stopped by SIGTERM and saved, 76 another rank lost, 130 stopped by SIGINT and saved.
)";
}

}  // namespace selfsup::cli
