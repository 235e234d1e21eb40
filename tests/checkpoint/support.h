// Owns what the checkpoint tests share: a folder of their own, a checkpoint whose every byte follows from its
// iteration, and child processes. Knows the checkpoint room only.
#pragma once
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/random.h"
#include "checkpoint/store.h"

namespace selfsup::checkpoint::testing {

namespace fs = std::filesystem;

class TempDir {
 public:
  TempDir() {
    std::string path = (fs::temp_directory_path() / "selfsup-test-XXXXXX").string();
    if (!::mkdtemp(path.data())) throw std::runtime_error("mkdtemp failed");
    path_ = path;
  }
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// How a shell command that mounts begins: in name spaces of its own. A kernel refuses user name spaces in a chroot;
// root needs none there, and unmounts what it mounted.
inline std::string in_own_mounts() {
  static const bool allowed = std::system("unshare -Ur true 2>/dev/null") == 0;
  return allowed ? "unshare -Urm" : "unshare -m --propagation unchanged";
}

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void spill(const std::string& path, const std::string& bytes) {
  std::ofstream out;
  out.exceptions(std::ios::failbit | std::ios::badbit);
  out.open(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
}

inline std::vector<char> noise(uint64_t key, size_t bytes) {
  KeyedRandom random(key);
  std::vector<char> out(bytes);
  for (char& c : out) c = static_cast<char>(1 + random.below(255));  // never zero: zeroing a page must change it
  return out;
}

// The checkpoint of iteration `iter`: `scale` rows more make it larger.
class Sample {
 public:
  explicit Sample(int64_t iter, int64_t scale = 8) : iter_(iter) {
    const auto add = [&](std::vector<TensorView>& list, const char* name, const char* dtype,
                         std::vector<int64_t> shape) {
      size_t bytes = dtype_bytes(dtype);
      for (const int64_t n : shape) bytes *= static_cast<size_t>(n);
      data_.push_back(noise(hash_key(static_cast<uint64_t>(iter), data_.size()), bytes));
      list.push_back({name, dtype, std::move(shape), data_.back().data(), bytes});
    };
    data_.reserve(16);
    add(model_, "backbone.layers.0.ln1.bias", "BF16", {7});
    add(model_, "backbone.layers.0.ln1.weight", "F32", {scale, 33});
    add(model_, "head.empty", "U8", {0, 3});
    add(model_, "head.scalar", "I64", {});
    add(optimizer_, "exp_avg.0", "F64", {scale, 17});
    add(optimizer_, "step", "I32", {1});
    const auto blob = noise(hash_key(static_cast<uint64_t>(iter), 99), 700);
    blob_.assign(blob.begin(), blob.end());
  }

  std::vector<TensorFile> tensors() const {
    return {{"model.safetensors", model_, {{"format", "pt"}}}, {"optimizer.safetensors", optimizer_, {}}};
  }
  std::vector<BlobFile> blobs() const { return {{"state/backbone.queue.rank0.bin", blob_}, {"state/teacher.bin", {}}}; }
  Manifest manifest() const {
    Manifest m;
    m.iter = iter_;
    m.update = iter_ / 2;
    m.epoch = iter_ / 10;
    m.iter_in_epoch = iter_ % 10;
    m.max_iters = 1000;
    m.seed = 0xfedcba9876543210ull + static_cast<uint64_t>(iter_);
    m.config = Json(Json::Object{{"model", Json(Json::Object{{"type", "X"}, {"ratio", 0.75}})},
                                 {"list", Json(Json::Array{1, "é\"\n"})}});
    m.plugins = {{"selfsup.x", "1.2.3", std::string(64, 'a')}};
    m.world = 3;
    m.threads = 2;
    m.buckets = {{2, 1, 0}, {3}};
    m.host_version = "0.1.0";
    m.libtorch_version = "2.11.0";
    m.extra = Json(Json::Object{{"scale", 65536.0}});
    return m;
  }

  // Whether the checkpoint holds exactly this.
  bool matches(const Checkpoint& c) const {
    for (const TensorFile& file : tensors()) {
      const SafetensorsFile read = c.tensors(file.name);
      if (read.tensors().size() != file.tensors.size() || read.metadata() != file.metadata) return false;
      for (const TensorView& want : file.tensors) {
        const TensorView* have = read.find(want.name);
        if (!have || have->dtype != want.dtype || have->shape != want.shape || have->bytes != want.bytes) return false;
        if (want.bytes && std::memcmp(have->data, want.data, want.bytes) != 0) return false;
        if (reinterpret_cast<uintptr_t>(have->data) % dtype_bytes(want.dtype) != 0) return false;
      }
    }
    for (const BlobFile& blob : blobs()) {
      if (c.blob(blob.name) != blob.bytes) return false;
    }
    Manifest same = c.manifest(), want = manifest();
    want.files = same.files;
    return c.manifest().files.size() == 4 && manifest_text(same) == manifest_text(want);
  }

  std::string save(CheckpointStore& store) const {
    return store.save("iter_" + std::to_string(iter_), manifest(), tensors(), blobs());
  }

 private:
  int64_t iter_;
  std::vector<std::vector<char>> data_;
  std::vector<TensorView> model_, optimizer_;
  std::string blob_;
};

struct Result {
  int exit = 0;  // 128 + n after signal n
  std::string output;
};

// Runs a shell command; stdout and stderr together.
inline Result run(const std::string& command) {
  Result result;
  std::FILE* pipe = ::popen(("( " + command + " ) 2>&1").c_str(), "r");
  if (!pipe) throw std::runtime_error("popen failed");
  char buffer[4096];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) result.output.append(buffer, n);
  const int status = ::pclose(pipe);
  result.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

// A leak check cannot run under ptrace.
inline std::string helper() {
  return "env ASAN_OPTIONS=detect_leaks=0 " SELFSUP_BINARY_DIR "/bin/checkpoint_test_helper";
}
inline std::string helper_binary() { return SELFSUP_BINARY_DIR "/bin/checkpoint_test_helper"; }

}  // namespace selfsup::checkpoint::testing
