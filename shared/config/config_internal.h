/* What the files of config share. */
#ifndef PEK_SHARED_CONFIG_CONFIG_INTERNAL_H
#define PEK_SHARED_CONFIG_CONFIG_INTERNAL_H

#include "shared/config/config.h"

#define CONFIG_ENV_PREFIX "PEK_"

/* ---- names (config_name.c) -------------------------------------------------------------------- */

enum config_name_style { CONFIG_NAME_PLAIN, CONFIG_NAME_FLAG, CONFIG_NAME_ENV };

/* "--body-bytes-max", "PEK_BODY_BYTES_MAX"; the length stays within CONFIG_NAME_BYTES_MAX + 4. */
struct config_name {
    char text[CONFIG_NAME_BYTES_MAX + 8];
};
struct config_name config_name_written(const char *name, enum config_name_style style);

/* The option that is written so in that style, without "--" or "PEK_"; NULL when there is none. */
const struct config_option *config_option_find(const struct config_program *program,
                                               struct slice written, enum config_name_style style);
/* The option's name that is nearest, or a flag's of config itself; NULL when none is near. */
const char *config_name_nearest(const struct config_program *program, struct slice written,
                                enum config_name_style style);
const char *config_command_nearest(const struct config_program *program, struct slice written);

/* ---- sources (config_source.c) ---------------------------------------------------------------- */

/* Each fills settings where nothing stronger is, and tells mistakes. */
void config_read_flags(struct config *config, int argc, char *const *argv);
void config_read_environment(struct config *config, char *const *environment);
/* Texts go into `arena`. */
void config_read_file(struct config *config, struct config_setting *settings, struct arena *arena);

/* ---- values (config_value.c) ------------------------------------------------------------------ */

int64_t config_option_max(const struct config_option *option);
/* What a setting comes to as text: its own, or the default; NULL when there is neither. */
const char *config_text(const struct config_option *option, const struct config_setting *setting);
/* Parses into the member of `values`; false when it told a mistake. */
bool config_value_read(struct config *config, const struct config_option *option,
                       const struct config_setting *setting, void *values);
/* As it would be written, in the largest unit that divides it; not for secrets. */
void config_value_write(const struct config_option *option, const void *values, struct buffer *out);
/* With its unit; false when it is none or does not fit. */
bool config_number_read(enum config_type type, struct slice text, int64_t *ret_value);
void config_number_write(enum config_type type, int64_t value, struct buffer *out);
/* "flag --x", "environment PEK_X", "file pek.conf:3", "default" */
void config_source_write(const struct config *config, const struct config_option *option,
                         const struct config_setting *setting, struct buffer *out);

#endif
