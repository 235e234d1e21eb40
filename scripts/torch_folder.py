# Prints the folder of the torch that this python3 can import, or nothing. scripts/setup.sh and cmake/FindLibTorch.cmake run this file;
# the program holds its text (host/start/torch_location.cpp) and gives it to a shell in single quotes, of which there may be none here.
import importlib.util
spec = importlib.util.find_spec("torch")
print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else "")
