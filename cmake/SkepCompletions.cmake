# SPDX-License-Identifier: MIT
# skep_completions(): the completions of the program `skep` for three shells.
function(skep_completions)
    # They are written by the program itself, from its own table of commands.
    set(completions "")
    foreach(shell bash zsh fish)
        set(out "${CMAKE_CURRENT_BINARY_DIR}/completion.${shell}")
        add_custom_command(OUTPUT "${out}" COMMAND sh -c "\"$1\" --completion \"$2\" >\"$3\"" sh
            "$<TARGET_FILE:skep>" ${shell} "${out}" DEPENDS skep VERBATIM
            COMMENT "Completion for ${shell}")
        list(APPEND completions "${out}")
    endforeach()
    add_custom_target(completions ALL DEPENDS ${completions})
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/completion.bash"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME skep)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/completion.zsh"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" RENAME _skep)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/completion.fish"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" RENAME skep.fish)
endfunction()
