// SHA-256 of buffers and files (OpenSSL's libcrypto). Knows errors only.
#pragma once
#include <cstddef>
#include <string>

namespace selfsup {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(const void* data, size_t bytes);
  std::string hex();  // once; 64 lower-case digits

 private:
  void* context_;
};

std::string sha256_hex(const void* data, size_t bytes);
std::string sha256_file(const std::string& path);  // Error(storage) when it cannot be read

}  // namespace selfsup
