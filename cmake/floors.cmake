# Fails the configure step on an include that goes up a floor, or on a library header outside its one room.
#
# src/floors.txt lists the folders of src/, bottom first. A file may include headers of its own folder and
# of lower ones, written as "folder/name.h"; so no circles can exist.
file(STRINGS ${CMAKE_SOURCE_DIR}/src/floors.txt floors)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/floors.txt)

# header pattern -> the only files that may include it
set(room_sqlite3.h "^db/db\\.c$")
set(room_curl/curl.h "^net/http\\.c$")
set(room_cjson/cJSON.h "^text/json\\.c$")
set(room_sodium.h "^(base/secret\\.c|crypt/[a-z]+\\.c)$")

set(broken "")
foreach(floor IN LISTS floors)
  list(FIND floors ${floor} level)
  file(GLOB files ${CMAKE_SOURCE_DIR}/src/${floor}/*.[ch])
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  foreach(path IN LISTS files)
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR}/src ${path})
    file(STRINGS ${path} includes REGEX "^[ \t]*#[ \t]*include")
    foreach(line IN LISTS includes)
      if(line MATCHES "\"([a-z]+)/[a-z0-9_]+\\.h\"")
        list(FIND floors ${CMAKE_MATCH_1} target)
        if(target EQUAL -1 OR target GREATER level)
          string(APPEND broken "  src/${name} includes up: ${line}\n")
        endif()
      elseif(line MATCHES "<(sqlite3\\.h|curl/curl\\.h|cjson/cJSON\\.h|sodium\\.h)>")
        if(NOT name MATCHES "${room_${CMAKE_MATCH_1}}")
          string(APPEND broken "  src/${name} may not include <${CMAKE_MATCH_1}>\n")
        endif()
      endif()
    endforeach()
  endforeach()
endforeach()
if(broken)
  message(FATAL_ERROR "the floors of src/ are broken:\n${broken}")
endif()
