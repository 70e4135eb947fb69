// For operators: which realms there are, how they are, and what the hub sees of them while one looks.
import { answer, pages } from '@pek/client';
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Server } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { pek, sessionQuery, type Instance } from '../api';
import { readMetrics, ratesOf, type RealmCounts, type RealmRates } from '../metrics';
import { Badge, Bones, Empty, Note, PageTitle, Problem, type Tone } from '../parts/basics';
import { FormDialog } from '../parts/dialogs';
import { useMessage } from '../parts/problems';
import { tell, tellProblem } from '../parts/toasts';
import { useDates, useTexts } from '../texts';
import { useSystemTexts } from '../texts/system';

const tones: Record<string, Tone> = { SERVING: 'ok', DRAINING: 'warn', NOT_SERVING: 'warn', UNREACHABLE: 'bad', REFUSED: 'bad' };
const everyMs = 3_000;
const pointsKept = 60;

const instancesQuery = queryOptions({
    queryKey: ['instances'],
    queryFn: async ({ signal }) => {
        const list = pages(
            (pageToken) => answer(pek.GET('/api/v1/instances', { params: { query: { pageSize: 100, pageToken } }, signal })),
            (page) => page.instances,
        );
        const instances: Instance[] = [];
        for await (const instance of list) instances.push(instance);
        return instances;
    },
    refetchInterval: 5_000,
});

interface Point extends RealmRates {
    time: number;
}

/** What happened from one look to the next, per realm; `hidden`: there is a hub, which does not show /metrics here. */
function useRates(): { points: Map<string, Point[]>; hidden: boolean } {
    const before = useRef<{ time: number; realms: Map<string, RealmCounts> }>(undefined);
    const [points, setPoints] = useState(new Map<string, Point[]>());
    const { data, dataUpdatedAt } = useQuery({
        queryKey: ['metrics'],
        queryFn: async ({ signal }) => {
            const response = await fetch('/metrics', { signal });
            if (response.status >= 500) throw new Error(`/metrics: ${response.status}`);
            if (!response.ok) return null;
            return readMetrics(await response.text());
        },
        refetchInterval: everyMs,
        retry: false,
        structuralSharing: false,
        staleTime: 0,
    });
    useEffect(() => {
        if (!data) return;
        const last = before.current;
        before.current = { time: dataUpdatedAt, realms: data };
        if (!last || last.time === dataUpdatedAt) return;
        const seconds = (dataUpdatedAt - last.time) / 1000;
        setPoints((shown) => {
            const next = new Map(shown);
            for (const [realm, counts] of data) {
                const point = { time: dataUpdatedAt, ...ratesOf(last.realms.get(realm), counts, seconds) };
                next.set(realm, [...(shown.get(realm) ?? []), point].slice(-pointsKept));
            }
            return next;
        });
    }, [data, dataUpdatedAt]);
    return { points, hidden: data === null };
}

export function InstancesPage() {
    const texts = useTexts();
    const system = useSystemTexts();
    const query = useQuery(instancesQuery);
    const { data: session } = useQuery(sessionQuery);
    const { points, hidden } = useRates();
    // How they were is not how they are: without an answer nothing is known.
    const shown = query.isError ? undefined : query.data;
    return (
        <>
            <div className="page-head">
                <div>
                    <PageTitle>{texts.nav.instances}</PageTitle>
                    <p className="lead">{system.instances.text}</p>
                </div>
            </div>
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {hidden && !query.isError && <Note>{system.instances.noMetrics}</Note>}
            {query.isPending && (
                <section className="card">
                    <Bones count={3} />
                </section>
            )}
            {shown?.length === 0 && <Empty icon={Server} title={system.instances.none} />}
            <div className="instances">
                {shown?.map((instance) => (
                    <InstanceCard
                        key={instance.realm}
                        instance={instance}
                        points={points.get(instance.realm) ?? []}
                        mayDrain={session?.administrator === true && !instance.local}
                    />
                ))}
            </div>
        </>
    );
}

function InstanceCard({ instance, points, mayDrain }: { instance: Instance; points: Point[]; mayDrain: boolean }) {
    const system = useSystemTexts();
    const dates = useDates();
    const message = useMessage();
    const client = useQueryClient();
    const [asking, setAsking] = useState(false);
    const draining = instance.status === 'DRAINING';
    const change = useMutation({
        mutationFn: () =>
            answer(
                pek.POST(`/api/v1/instances/{realm}:${draining ? 'undrain' : 'drain'}`, {
                    params: { path: { realm: instance.realm } },
                    body: {},
                }),
            ),
        onSuccess: () => tell(draining ? system.instances.undrained(instance.realm) : system.instances.drained(instance.realm)),
        onError: (error) => tellProblem(message(error)),
        onSettled: () => client.invalidateQueries(instancesQuery),
    });
    const last = points.at(-1);
    return (
        <section className="card padded stack tight">
            <div className="instance-head">
                <div className="grow">
                    <h2 className="name">{instance.name || instance.realm}</h2>
                    <div className="muted small">
                        {instance.realm} · {system.instances.version(instance.version)}
                    </div>
                </div>
                <Badge tone={tones[instance.status] ?? 'plain'}>
                    <span className="dot" />
                    {system.instances.statuses[instance.status as keyof typeof system.instances.statuses] ?? instance.status}
                </Badge>
            </div>
            {instance.problem && <Note tone="bad">{instance.problem}</Note>}
            <Plot
                label={system.instances.latency}
                values={points.map(({ p95Ms }) => p95Ms)}
                value={last?.p95Ms === undefined ? '–' : `${dates.number(Math.round(last.p95Ms * 10) / 10)} ms`}
            />
            <Plot
                label={system.instances.calls}
                values={points.map(({ callsPerSecond }) => callsPerSecond)}
                value={last ? `${dates.number(Math.round(last.callsPerSecond * 10) / 10)}/s` : '–'}
            />
            <Plot
                label={system.instances.errors}
                values={points.map(({ failedShare }) => failedShare * 100)}
                value={last ? `${dates.number(Math.round(last.failedShare * 1000) / 10)} %` : '–'}
                most={100}
                tone="bad"
            />
            <div className="actions instance-foot">
                <span className="muted small grow">{instance.statusTime && system.instances.since(dates.ago(instance.statusTime))}</span>
                {mayDrain && (
                    <button
                        type="button"
                        className="button small"
                        disabled={change.isPending}
                        onClick={() => (draining ? change.mutate() : setAsking(true))}
                    >
                        {draining ? system.instances.undrain : system.instances.drain}
                    </button>
                )}
            </div>
            <FormDialog
                open={asking}
                onClose={() => setAsking(false)}
                title={system.instances.askDrain(instance.realm)}
                text={system.instances.drainText}
                action={system.instances.drain}
                danger
                onSubmit={() => change.mutateAsync()}
            />
        </section>
    );
}

/** A line, newest at the right. What was not measured is a gap. */
function Plot({
    label,
    values,
    value,
    most = 0,
    tone = 'ok',
}: {
    label: string;
    values: (number | undefined)[];
    value: string;
    most?: number;
    tone?: 'ok' | 'bad';
}) {
    const width = 240;
    const height = 36;
    const top = Math.max(most, ...values.map((one) => one ?? 0)) || 1;
    const x = (i: number) => width - (values.length - 1 - i) * (width / (pointsKept - 1));
    let path = '';
    values.forEach((one, i) => {
        if (one === undefined) return;
        const pen = i > 0 && values[i - 1] !== undefined ? 'L' : 'M';
        path += `${pen}${x(i).toFixed(1)} ${(height - 2 - (one / top) * (height - 6)).toFixed(1)}`;
    });
    return (
        <div className={`plot ${tone}`}>
            <div className="plot-label">
                <span className="muted small">{label}</span>
                <span className="number">{value}</span>
            </div>
            <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
                <path
                    d={path}
                    fill="none"
                    stroke="currentColor"
                    strokeWidth="2"
                    vectorEffect="non-scaling-stroke"
                    strokeLinecap="round"
                    strokeLinejoin="round"
                />
            </svg>
        </div>
    );
}
