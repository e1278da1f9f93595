# revertd/build.h: the version, and the revision where this is a git checkout.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --abbrev-ref HEAD
  OUTPUT_VARIABLE branch OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT revision)
  set(revision unknown)
  set(branch unknown)
endif()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/include/revertd/build.h CONTENT
"#pragma once
#define RV_VERSION \"@PROJECT_VERSION@\"
#define RV_REVISION \"@revision@\"
#define RV_BRANCH \"@branch@\"
#define RV_LIBEXECDIR \"@CMAKE_INSTALL_FULL_LIBEXECDIR@\"
#define RV_SYSCONFDIR \"@CMAKE_INSTALL_FULL_SYSCONFDIR@/revertd\"
" @ONLY)
