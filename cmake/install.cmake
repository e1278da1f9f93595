# What `cmake --install` puts where. The units name /usr; they are installed with the prefix of this build.
foreach(program revertd revertctl)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
if(TARGET revertd-git)
  install(TARGETS revertd-git RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/revertd)
endif()

set(unit_dir lib/systemd/system)
set(contrib ${CMAKE_SOURCE_DIR}/contrib)
foreach(unit revertd.service revertd.socket revertd-git@.service revertd-git@.socket)
  file(READ ${contrib}/systemd/${unit} text)
  string(REPLACE "/usr/bin/" "${CMAKE_INSTALL_FULL_BINDIR}/" text "${text}")
  string(REPLACE "/usr/libexec/" "${CMAKE_INSTALL_FULL_LIBEXECDIR}/" text "${text}")
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/systemd/${unit} CONTENT "${text}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${contrib}/systemd/${unit})
  install(FILES ${CMAKE_BINARY_DIR}/systemd/${unit} DESTINATION ${unit_dir})
endforeach()
install(FILES ${contrib}/systemd/revertd.sysusers DESTINATION lib/sysusers.d RENAME revertd.conf)
install(FILES ${contrib}/systemd/revertd.catalog DESTINATION lib/systemd/catalog)
install(DIRECTORY ${contrib}/systemd/revertd.service.d
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

file(GLOB pages ${CMAKE_SOURCE_DIR}/docs/man/*.[158])
foreach(page IN LISTS pages)
  string(REGEX MATCH "[158]$" section ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES ${contrib}/completions/revertctl.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME revertctl)

# Rule files and examples to start from; nothing is put into /etc, which is the operator's.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/rules DESTINATION ${CMAKE_INSTALL_DATADIR}/revertd FILES_MATCHING PATTERN "*.conf" PATTERN "*.test")
install(DIRECTORY ${contrib}/prometheus ${contrib}/alertmanager ${contrib}/examples/
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/CHANGELOG.md ${CMAKE_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
# In the folder that README.md and the programs name them by.
file(GLOB documents CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/*.md)
install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
