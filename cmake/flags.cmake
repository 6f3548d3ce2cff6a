# INTERFACE targets `warnings`, `hardening` (with the sanitizers, which replace part of it).
add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wcast-qual -Wswitch-enum -Wpointer-arith
  -Wwrite-strings $<$<BOOL:${KM_WERROR}>:-Werror>)

add_library(hardening INTERFACE)
target_compile_definitions(hardening INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE KM_VERSION="${PROJECT_VERSION}")
target_compile_options(hardening INTERFACE -fstack-protector-strong -fPIE -fno-common)
target_link_options(hardening INTERFACE -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
if(KM_FUZZ)
  set(KM_SANITIZE ON)
  target_compile_options(hardening INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(KM_SANITIZE)
  target_compile_definitions(hardening INTERFACE KM_SANITIZE)
  target_compile_options(hardening INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hardening INTERFACE -fsanitize=address,undefined)
else()
  target_compile_definitions(hardening INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
  target_compile_options(hardening INTERFACE -fstack-clash-protection $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>)
endif()
if(KM_COVERAGE)
  target_compile_options(hardening INTERFACE --coverage)
  target_link_options(hardening INTERFACE --coverage)
endif()
