// SHA-256 of bytes (OpenSSL's libcrypto). Knows nobody.
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

}  // namespace selfsup
