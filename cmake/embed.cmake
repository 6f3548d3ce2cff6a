# The bytes of a file as the inside of a C array of char, ended by 0: embed_bytes(OUT PATH).
function(embed_bytes out path)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  set(${out} "${bytes}0" PARENT_SCOPE)
endfunction()
