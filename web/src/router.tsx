import { createRootRoute, createRoute, createRouter, parseSearchWith, redirect, stringifySearchWith } from '@tanstack/react-router';
import { Frame } from './app/Frame';
import { lazyPage } from './app/lazyPage';
import { Crashed, NotFound } from './app/Unfound';
import { HomePage } from './pages/Home';
import { paths } from './paths';

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound });

/** What may stand behind the ? of an address; all else is dropped. */
export interface SearchParams {
    q?: string;
    kind?: 'groups' | 'people';
    realm?: string;
    archived?: boolean;
}

/** What can be one part of a path of the API. */
const isWord = (given: unknown): given is string => typeof given === 'string' && given !== '' && !/^\.+$/.test(given);

function searchParams(given: Record<string, unknown>): SearchParams {
    return {
        ...(given['q'] !== undefined ? { q: String(given['q']).slice(0, 200) } : {}),
        ...(given['kind'] === 'groups' || given['kind'] === 'people' ? { kind: given['kind'] } : {}),
        ...(isWord(given['realm']) ? { realm: given['realm'] } : {}),
        ...(String(given['archived']) === 'true' ? { archived: true } : {}),
    };
}

function newGroupParams(given: Record<string, unknown>): { realm?: string; parent?: string } {
    return {
        ...(isWord(given['realm']) ? { realm: given['realm'] } : {}),
        ...(isWord(given['parent']) ? { parent: given['parent'] } : {}),
    };
}

const at = () => root;
const home = createRoute({ getParentRoute: at, path: paths.home, component: HomePage });
const search = createRoute({
    getParentRoute: at,
    path: paths.search,
    validateSearch: searchParams,
    component: lazyPage(() => import('./pages/Search'), 'SearchPage'),
});
const newGroup = createRoute({
    getParentRoute: at,
    path: paths.newGroup,
    validateSearch: newGroupParams,
    component: lazyPage(() => import('./pages/NewGroup'), 'NewGroupPage'),
});
// What is left of an address when somebody cuts its end off.
const realms = createRoute({
    getParentRoute: at,
    path: paths.realms,
    beforeLoad: () => {
        throw redirect({ to: paths.instances, replace: true });
    },
});
const realm = createRoute({
    getParentRoute: at,
    path: paths.realm,
    beforeLoad: ({ params }) => {
        throw redirect({ to: paths.search, search: params, replace: true });
    },
});
const groups = createRoute({
    getParentRoute: at,
    path: paths.groups,
    beforeLoad: ({ params }) => {
        throw redirect({ to: paths.search, search: params, replace: true });
    },
});
const people = createRoute({
    getParentRoute: at,
    path: paths.people,
    beforeLoad: () => {
        throw redirect({ to: paths.search, search: { kind: 'people' }, replace: true });
    },
});
const realmPolicies = createRoute({
    getParentRoute: at,
    path: paths.realmPolicies,
    beforeLoad: () => {
        throw redirect({ to: paths.policies, replace: true });
    },
});
const group = createRoute({
    getParentRoute: at,
    path: paths.group,
    component: lazyPage(() => import('./pages/group/Group'), 'GroupPage'),
});
const groupSettings = createRoute({
    getParentRoute: at,
    path: paths.groupSettings,
    component: lazyPage(() => import('./pages/group/Settings'), 'GroupSettingsPage'),
});
const groupHistory = createRoute({
    getParentRoute: at,
    path: paths.groupHistory,
    component: lazyPage(() => import('./pages/group/History'), 'GroupHistoryPage'),
});
const scoreboards = createRoute({
    getParentRoute: at,
    path: paths.scoreboards,
    validateSearch: ({ of }: { of?: unknown }): { of?: string } => (isWord(of) ? { of } : {}),
    component: lazyPage(() => import('./pages/scores/Scoreboards'), 'ScoreboardsPage'),
});
const scoreboard = createRoute({
    getParentRoute: at,
    path: paths.scoreboard,
    component: lazyPage(() => import('./pages/scores/Scoreboard'), 'ScoreboardPage'),
});
const scoreboardEntries = createRoute({
    getParentRoute: at,
    path: paths.scoreboardEntries,
    component: lazyPage(() => import('./pages/scores/Entries'), 'EntriesPage'),
});
const pointDraft = createRoute({
    getParentRoute: at,
    path: paths.pointDraft,
    component: lazyPage(() => import('./pages/scores/PointDraft'), 'PointDraftPage'),
});
const semester = createRoute({
    getParentRoute: at,
    path: paths.semester,
    component: lazyPage(() => import('./pages/scores/Semester'), 'SemesterPage'),
});
const person = createRoute({
    getParentRoute: at,
    path: paths.person,
    component: lazyPage(() => import('./pages/Person'), 'PersonPage'),
});
const profileEdit = createRoute({
    getParentRoute: at,
    path: paths.profileEdit,
    component: lazyPage(() => import('./pages/profile/ProfileEdit'), 'ProfileEditPage'),
});
const notifications = createRoute({
    getParentRoute: at,
    path: paths.notifications,
    component: lazyPage(() => import('./pages/Notifications'), 'NotificationsPage'),
});
const policies = createRoute({
    getParentRoute: at,
    path: paths.policies,
    component: lazyPage(() => import('./pages/policies/Policies'), 'PoliciesPage'),
});
const policy = createRoute({
    getParentRoute: at,
    path: paths.policy,
    component: lazyPage(() => import('./pages/policies/Policy'), 'PolicyPage'),
});
const sessions = createRoute({
    getParentRoute: at,
    path: paths.sessions,
    component: lazyPage(() => import('./pages/Sessions'), 'SessionsPage'),
});
const instances = createRoute({
    getParentRoute: at,
    path: paths.instances,
    component: lazyPage(() => import('./pages/Instances'), 'InstancesPage'),
});
const docs = createRoute({
    getParentRoute: at,
    path: paths.docs,
    component: lazyPage(() => import('./pages/Docs'), 'DocsPage', { large: true }),
});

const routeTree = root.addChildren([
    home,
    search,
    newGroup,
    realms,
    realm,
    groups,
    people,
    realmPolicies,
    group,
    groupSettings,
    groupHistory,
    scoreboards,
    scoreboard,
    scoreboardEntries,
    pointDraft,
    semester,
    person,
    profileEdit,
    notifications,
    policies,
    policy,
    sessions,
    instances,
    docs,
]);

export const router = createRouter({
    routeTree,
    defaultPreload: 'intent',
    pathParamsAllowedCharacters: ['@'], // of ids of groups
    scrollRestoration: true,
    caseSensitive: true, // as the hub is with addresses
    // What is typed behind the ? is text, also when it looks like a number.
    parseSearch: parseSearchWith((text) => text),
    stringifySearch: stringifySearchWith(String),
    defaultErrorComponent: Crashed,
});

declare module '@tanstack/react-router' {
    interface Register {
        router: typeof router;
    }
}
