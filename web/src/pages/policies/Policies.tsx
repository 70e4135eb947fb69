// Which rights one has, and why: policies of all realms, and a question that the realm itself answers.
import { answer } from '@pek/client';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { missingRealms, nextPage, pek, sessionQuery, type Policy } from '../../api';
import { Badge, Bones, Card, Empty, MissingRealms, More, PageTitle, Problem, RealmBadge } from '../../parts/basics';
import { shownPolicy } from '../../names';
import { useTexts } from '../../texts';
import { usePolicyTexts } from '../../texts/policies';
import { WhyMay } from './WhyMay';

export function PoliciesPage() {
    const { nav } = useTexts();
    const texts = usePolicyTexts();
    const { data: session } = useQuery(sessionQuery);
    const [byPeople, setByPeople] = useState(false);
    const query = useInfiniteQuery({
        queryKey: ['policies', byPeople],
        queryFn: ({ signal, pageParam }) =>
            answer(pek.GET('/api/v1/policies', { params: { query: { byPeople, pageSize: 50, pageToken: pageParam } }, signal })),
        initialPageParam: '',
        getNextPageParam: nextPage,
    });
    const policies = query.data?.pages.flatMap((page) => page.policies) ?? [];
    // What one holds the session knows by name. Of who sees thousands, the list has come to few of them.
    const held = (session?.realms ?? []).flatMap(({ realm, policies: names }) =>
        names.map((name) => policies.find((one) => one.realm === realm && one.name === name) ?? { realm, name }),
    );
    const others = policies.filter((policy) => !held.includes(policy));
    return (
        <>
            <div className="page-head">
                <div>
                    <PageTitle>{nav.policies}</PageTitle>
                    <p className="lead">{texts.text}</p>
                </div>
            </div>
            <MissingRealms realms={missingRealms(query.data?.pages)} retry={() => void query.refetch()} />
            <div className="split">
                <div className="stack">
                    <label className="check">
                        <input type="checkbox" checked={byPeople} onChange={({ target }) => setByPeople(target.checked)} />
                        {texts.byPeople}
                    </label>
                    {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
                    {query.isPending ? (
                        <section className="card">
                            <Bones />
                        </section>
                    ) : query.isLoadingError ? null : policies.length === 0 && held.length === 0 ? (
                        <section className="card">
                            <Empty icon={KeyRound} title={texts.none} />
                        </section>
                    ) : null}

                    {held.length > 0 && (
                        <Card title={texts.held}>
                            <PolicyRows policies={held} />
                        </Card>
                    )}
                    {others.length > 0 && (
                        <Card title={held.length > 0 ? texts.others : texts.list}>
                            <PolicyRows policies={others} />
                            <More query={query} />
                        </Card>
                    )}
                </div>
                <WhyMay />
            </div>
        </>
    );
}

type Shown = Pick<Policy, 'realm' | 'name'> & Partial<Policy>;

function PolicyRows({ policies }: { policies: Shown[] }) {
    const texts = usePolicyTexts();
    return (
        <ul className="rows">
            {policies.map(({ realm, name, id, canIssue }) => (
                <li key={`${realm}/${name}`} className={id ? 'linked' : ''}>
                    <div className="grow">
                        {id ? (
                            <Link className="title" to="/realms/$realm/policies/$policyId" params={{ realm, policyId: id }}>
                                {shownPolicy(texts, name)}
                            </Link>
                        ) : (
                            <span className="title">{shownPolicy(texts, name)}</span>
                        )}
                        {canIssue && (
                            <div className="badges">
                                <Badge>{texts.canIssue}</Badge>
                            </div>
                        )}
                    </div>
                    <RealmBadge realm={realm} />
                </li>
            ))}
        </ul>
    );
}
