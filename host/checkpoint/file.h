// Writes files at the level of descriptors: whole writes, digests taken in the same pass, syncs whose failure is
// never retried. Knows no tensor and no checkpoint.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/hash.h"

namespace selfsup::checkpoint {

// Error(storage): "cannot DOING PATH: REASON", for a full disk with the free space there, for a limit on the size of
// files with that, and with the bytes needed, if given.
[[noreturn]] void throw_storage(const std::string& doing, const std::string& path, int error,
                                uint64_t bytes_needed = 0);

std::string parent_of(const std::string& path);  // "." of a name alone

// The folder as a descriptor, also through a link: a user may keep checkpoints on another disk. Error(storage).
Fd open_folder(const std::string& path);
void sync_folder(int fd, const std::string& path);  // Error(storage)
// As renameat2, unlinkat and mkdirat, whatever signals come: 0, or -1 and errno; the folder made, or Error(storage).
int rename_in(int folder, const std::string& from, const std::string& to, unsigned flags = 0);
int remove_file(int folder, const std::string& name);
void make_folder(int folder, const std::string& name, const std::string& path);
// Like mkdir -p. Error(storage). made: gets the folders that were not there, also when this throws.
void make_folders(const std::string& path, std::vector<std::string>* made = nullptr);

// Whether anything is there, links included; a folder, never through a link; or a link to one. What cannot be examined
// is Error(storage), so that a fault of the disk is never taken for a name that is free.
bool is_there(int folder, const std::string& name);
bool is_folder(const std::string& path);
bool is_folder_or_link(const std::string& path);

// Entries without "." and "..", in byte order. Error(storage).
std::vector<std::string> list_folder(const std::string& path);

// Removes a file or a whole tree below the folder, never following a link. `first` (a file name) goes before its
// siblings. Returns 0 or the errno of the first failure; goes on after a failure.
int remove_tree(int folder, const std::string& name, std::string_view first = {});

struct FileRecord {
  std::string name;  // relative to the checkpoint
  uint64_t size = 0;
  std::string sha256;
};

// A new file, written once from front to back while its digest is taken. Large pieces go to the kernel from where they
// lie; small ones are gathered. One thread. Every failure is Error(storage); the caller then removes the file.
class HashingFile {
 public:
  // folder: where `name` is created (it must not exist). path: for messages. bytes: the size to come, reserved at once
  // where the file system can, so that a full disk shows early; 0 = unknown.
  HashingFile(int folder, const std::string& name, std::string path, uint64_t bytes);
  void write(const void* data, size_t bytes);
  FileRecord finish();  // once: flushes, syncs and closes; the record's name is empty

 private:
  void flush();
  void write_out(const char* data, size_t bytes);

  std::string path_;
  uint64_t expected_, size_ = 0;
  Fd fd_;
  Sha256 hash_;
  std::unique_ptr<char[]> buffer_;
  size_t buffered_ = 0;
};

// A file that comes into being whole, with commit(), or not at all: it is written beside its place. One of that name is
// replaced. Every failure is Error(storage).
class WholeFile {
 public:
  // bytes: as of HashingFile.
  explicit WholeFile(const std::string& path, uint64_t bytes = 0);
  ~WholeFile();  // takes away what was not committed
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  HashingFile& content() { return *content_; }
  void commit();  // once; the file is on the disk then

 private:
  std::string path_, folder_path_, name_;
  Fd folder_;
  std::optional<HashingFile> content_;
};

// A small one at once.
void write_file(const std::string& path, std::string_view bytes);

}  // namespace selfsup::checkpoint
