# For tests: runs the floor check alone over another tree: cmake -P floors_only.cmake DIR
math(EXPR last "${CMAKE_ARGC} - 1")
set(CMAKE_SOURCE_DIR ${CMAKE_ARGV${last}})
include(${CMAKE_SOURCE_DIR}/cmake/floors.cmake)
