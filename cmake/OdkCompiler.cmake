# One place for warnings, sanitizers and hardening: every target links odk_compiler.
option(ODK_WERROR "Warnings are errors" OFF)
option(ODK_SLOW_ASSERTS "Checks that cost more than the code they guard" OFF)
option(ODK_FUZZ "Instrument for libFuzzer and build the fuzz targets" OFF)
set(ODK_SANITIZE "" CACHE STRING "Value of -fsanitize, empty for none")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(ODK_CCACHE ccache)
if(ODK_CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER "${ODK_CCACHE}")
endif()

add_library(odk_compiler INTERFACE)
target_compile_definitions(odk_compiler INTERFACE _GNU_SOURCE)
target_include_directories(odk_compiler INTERFACE "${PROJECT_SOURCE_DIR}/src")
target_compile_options(odk_compiler INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-qual -Wcast-align -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wformat=2 -Wvla -Wundef
    -Wswitch-enum -Wimplicit-fallthrough -fno-common -fno-strict-aliasing
    $<$<BOOL:${ODK_WERROR}>:-Werror>
    $<$<CONFIG:Debug>:-O1>)
if(ODK_SLOW_ASSERTS)
    target_compile_definitions(odk_compiler INTERFACE ODK_SLOW_ASSERTS=1)
endif()
if(ODK_SANITIZE)
    target_compile_options(odk_compiler INTERFACE -fsanitize=${ODK_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(odk_compiler INTERFACE -fsanitize=${ODK_SANITIZE})
    if(ODK_SANITIZE MATCHES "undefined")
        target_compile_options(odk_compiler INTERFACE -fno-sanitize-recover=all)
    endif()
else()
    target_compile_options(odk_compiler INTERFACE $<$<CONFIG:RelWithDebInfo>:-D_FORTIFY_SOURCE=2>
        -fstack-protector-strong)
    target_link_options(odk_compiler INTERFACE -Wl,-z,relro,-z,now)
endif()
if(ODK_FUZZ)
    target_compile_options(odk_compiler INTERFACE -fsanitize=fuzzer-no-link)
endif()
