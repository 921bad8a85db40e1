# Third-party libraries, each as an imported target ODK::<name>. ODK_RDKAFKA_PREFIX names a private
# build of librdkafka (deploy/librdkafka prints it); without it the system's package is taken.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(ODK_RDKAFKA_PREFIX "" CACHE PATH "Prefix of a private librdkafka")
if(ODK_RDKAFKA_PREFIX)
    set(ENV{PKG_CONFIG_PATH} "${ODK_RDKAFKA_PREFIX}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
endif()

# Adds ODK::<name> for a pkg-config module.
function(odk_dependency name module)
    pkg_check_modules(ODK_${name} REQUIRED QUIET IMPORTED_TARGET ${module})
    add_library(ODK::${name} ALIAS PkgConfig::ODK_${name})
endfunction()

odk_dependency(jansson "jansson>=2.14")
odk_dependency(avro "avro-c>=1.10")
odk_dependency(pq "libpq>=14")
odk_dependency(crypto "libcrypto>=3")
odk_dependency(pcre2 "libpcre2-8")
odk_dependency(curl "libcurl")
if(BUILD_TESTING)
    odk_dependency(cmocka "cmocka>=1.1.5")
endif()

if(ODK_RDKAFKA_PREFIX)
    # The private build is linked statically, so that the binary runs without its prefix.
    pkg_check_modules(ODK_rdkafka REQUIRED QUIET "rdkafka>=2.0.2")
    add_library(odk_rdkafka_imported INTERFACE)
    target_include_directories(odk_rdkafka_imported SYSTEM INTERFACE ${ODK_rdkafka_STATIC_INCLUDE_DIRS})
    find_library(ODK_RDKAFKA_ARCHIVE librdkafka.a PATHS "${ODK_RDKAFKA_PREFIX}/lib" NO_DEFAULT_PATH REQUIRED)
    set(odk_rdkafka_libs ${ODK_rdkafka_STATIC_LIBRARIES})
    list(REMOVE_ITEM odk_rdkafka_libs rdkafka)
    target_link_libraries(odk_rdkafka_imported INTERFACE ${ODK_RDKAFKA_ARCHIVE} ${odk_rdkafka_libs} Threads::Threads)
    if(ODK_SANITIZE MATCHES "thread")
        add_library(odk_tsan_threads STATIC "${CMAKE_CURRENT_LIST_DIR}/tsan_threads.c")
        target_compile_options(odk_tsan_threads PRIVATE -fsanitize=thread -g)
        target_link_libraries(odk_rdkafka_imported INTERFACE odk_tsan_threads)
    endif()
    add_library(ODK::rdkafka ALIAS odk_rdkafka_imported)
else()
    odk_dependency(rdkafka "rdkafka>=2.0.2")
endif()
