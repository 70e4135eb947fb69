/* profile: what a profile may hold, without SQL. */
#ifndef PEK_HUB_PROFILE_PROFILE_H
#define PEK_HUB_PROFILE_PROFILE_H

#include "pek/hub/v1/profile.rpc.h"
#include "shared/base/arena.h"
#include "shared/base/fault.h"

#define PROFILE_NAME_CHARS_MAX 100 /* first and last name each */
#define PROFILE_NICKNAME_CHARS_MAX 50
#define PROFILE_ROOM_CHARS_MAX 20
#define PROFILE_ACCOUNT_CHARS_MAX 100
#define PROFILE_ACCOUNTS_MAX 20
#define PROFILE_USERNAME_DAYS 30 /* from one change of the username to the next */

/* What everybody is called who deleted their account (docs/api.md); nobody writes it, however it is spelled. */
#define PROFILE_DELETED_NAME "deleted user"

#define PROFILE_REASON_USERNAME_TAKEN "USERNAME_TAKEN"
#define PROFILE_REASON_USERNAME_INVALID "USERNAME_INVALID"
#define PROFILE_REASON_PHONE_INVALID "PHONE_INVALID"
#define PROFILE_REASON_USERNAME_RECENT "USERNAME_CHANGED_RECENTLY"

/* What a person may change, for mask_take. */
enum profile_field {
    PROFILE_USERNAME = 1 << 0,
    PROFILE_FIRST_NAME = 1 << 1,
    PROFILE_LAST_NAME = 1 << 2,
    PROFILE_NICKNAME = 1 << 3,
    PROFILE_CELL_PHONE = 1 << 4,
    PROFILE_ROOM = 1 << 5,
    PROFILE_DORMITORY = 1 << 6,
    PROFILE_GENDER = 1 << 7,
    PROFILE_STUDENT_STATUS = 1 << 8,
    PROFILE_EXTERNAL_ACCOUNTS = 1 << 9,
    PROFILE_VISIBLE = 1 << 10,
};
#define PROFILE_FIELDS 11
extern const char *const profile_fields[PROFILE_FIELDS];

/* The fields of `fields` become what is stored: NFC, trimmed, lower case where it is the same. The message is the
 * caller's own copy; its lists are not changed in place. INVALID_ARGUMENT names the first that is not as pek/hub/v1/profile.proto
 * says. */
PEK_MUST_CHECK enum status profile_make(unsigned fields, struct arena *arena,
                                        hub_v1_profile *profile, struct fault *fault);
/* Somebody has to be called something, and not PROFILE_DELETED_NAME, once the `fields` of `wanted` have replaced those of
 * `present`. INVALID_ARGUMENT on profile.first_name or profile.last_name. */
PEK_MUST_CHECK enum status profile_check_names(unsigned fields, const hub_v1_profile *wanted,
                                               const hub_v1_profile *present, struct arena *arena,
                                               struct fault *fault);

/* The bits of Profile.visible, as hub.profile has them: value n is bit n - 1. */
unsigned profile_visible_bits(const hub_v1_profile *profile);

#endif
