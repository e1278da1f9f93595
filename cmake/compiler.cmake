# Warnings, and the hardening flags of the OpenSSF compiler guide, each where the compiler has it.
include(CheckCCompilerFlag)

# Assertions guard against our own mistakes, and stay in every build.
foreach(type RELEASE RELWITHDEBINFO)
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

add_library(rv_flags INTERFACE)
target_compile_definitions(rv_flags INTERFACE _GNU_SOURCE)
target_include_directories(rv_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include)

set(wanted
  -Wall -Wextra -Wformat=2 -Wformat-security -Wimplicit-fallthrough -Wshadow -Wvla -Wundef -Wpointer-arith
  -Wwrite-strings -Wmissing-declarations -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition
  -Wtrampolines -Wbidi-chars=any -Wno-missing-field-initializers
  -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=format-security
  -fstack-clash-protection -fstack-protector-strong -fcf-protection=full -ftrivial-auto-var-init=zero
  -fstrict-flex-arrays=3 -fzero-init-padding-bits=all
  -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -fPIE)
if(REVERTD_WERROR)
  list(APPEND wanted -Werror)
endif()
foreach(flag IN LISTS wanted)
  string(MAKE_C_IDENTIFIER "HAVE${flag}" name)
  check_c_compiler_flag("-Werror ${flag}" ${name})
  if(${name})
    target_compile_options(rv_flags INTERFACE ${flag})
  endif()
endforeach()

if(REVERTD_SANITIZE)
  target_compile_options(rv_flags INTERFACE -fsanitize=${REVERTD_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(rv_flags INTERFACE -fsanitize=${REVERTD_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(rv_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
target_link_options(rv_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
