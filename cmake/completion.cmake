# Embeds what the shells load to complete keymuster's command lines (src/cli/complete.h).
include(${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
set(out "/* made by cmake/completion.cmake */\n#include \"cli/completion_scripts.h\"\n")
foreach(shell bash zsh fish)
  embed_bytes(bytes ${CMAKE_SOURCE_DIR}/src/cli/completion.${shell})
  string(APPEND out "const char completion_${shell}[] = {${bytes}};\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/completion_scripts.c CONTENT "${out}" @ONLY)
