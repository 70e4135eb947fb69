// The semester of a realm: what its season is for, what is left to be reviewed, and the files of what was accepted.
import { answer } from '@pek/client';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { CalendarCog, Check, Download, Minus } from 'lucide-react';
import { useState } from 'react';
import { pek } from '../../api';
import { useMayInRealm } from '../../may';
import { Badge, Bones, Card, Note, PageTitle, Problem, RealmBadge } from '../../parts/basics';
import { PageProblem } from '../../parts/PageProblem';
import { FormDialog } from '../../parts/dialogs';
import { SelectField, TextField } from '../../parts/fields';
import { tell } from '../../parts/toasts';
import type { SeasonAction } from '../../standing';
import { useScoreTexts } from '../../texts/scores';
import '../../styles/scores.css';
import { EntryReviews } from './EntryReviews';
import { Judgements } from './Judgements';
import { judgementsQuery, semesterQuery, type Semester } from './queries';

type Season = 'OFFSEASON' | 'APPLICATION' | 'EVALUATION';

export function SemesterPage() {
    const scores = useScoreTexts();
    const { realm } = useParams({ from: '/realms/$realm/semester' });
    const query = useQuery(semesterQuery(realm));
    const mayMove = useMayInRealm(realm, 'GOD');
    const mayExport = useMayInRealm(realm, 'EVALUATE_SCORES');
    const [moving, setMoving] = useState(false);
    if (query.isLoadingError) return <PageProblem error={query.error} retry={() => void query.refetch()} />;
    if (query.isPending) {
        return (
            <section className="card">
                <Bones count={4} />
            </section>
        );
    }
    const semester = query.data;
    return (
        <>
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            <div className="page-head">
                <div>
                    <PageTitle>{scores.semester(semester.id)}</PageTitle>
                    <div className="badges under-title">
                        <Badge tone={semester.season === 'OFFSEASON' ? 'plain' : 'accent'}>{seasonName(scores, semester.season)}</Badge>
                        <RealmBadge realm={realm} />
                    </div>
                </div>
                {mayMove && (
                    <button type="button" className="button" onClick={() => setMoving(true)}>
                        <CalendarCog size={17} aria-hidden="true" />
                        {scores.realm.begin}
                    </button>
                )}
            </div>
            <div className="split">
                <div className="stack">
                    <Judgements realm={realm} open={semester.openActions.includes('VIEW_JUDGEMENTS')} />
                    <EntryReviews realm={realm} open={semester.openActions.includes('REVIEW_ENTRIES')} />
                    <OpenActions semester={semester} />
                </div>
                <div className="stack">{mayExport && <Files current={semester} open={semester.openActions.includes('EXPORT')} />}</div>
            </div>
            {moving && <Move semester={semester} onClose={() => setMoving(false)} />}
        </>
    );
}

const seasonName = (scores: ReturnType<typeof useScoreTexts>, season: Semester['season']) =>
    scores.realm.seasonNames[season as Season] ?? season;

function OpenActions({ semester }: { semester: Semester }) {
    const scores = useScoreTexts();
    return (
        <Card title={scores.realm.what}>
            <ul className="season-actions">
                {Object.entries(scores.realm.actions).map(([action, text]) => {
                    const isOpen = semester.openActions.includes(action as SeasonAction);
                    return (
                        <li key={action} className={isOpen ? 'yes' : 'no'}>
                            {isOpen ? <Check size={17} aria-hidden="true" /> : <Minus size={17} aria-hidden="true" />}
                            <span className="grow">{text}</span>
                            <span className="small">{isOpen ? scores.realm.opened : scores.realm.closed}</span>
                        </li>
                    );
                })}
            </ul>
        </Card>
    );
}

type File = 'acceptedEntries' | 'scoredUsers' | 'activeUsers';

/** Spreadsheets take UTF-8 for what it is when a byte order mark stands before it. */
function csvOf(realm: string, file: File, semester: string): Promise<Blob> {
    const asked = { headers: { accept: 'text/csv' }, parseAs: 'blob' } as const;
    const params = { path: { realm }, query: { byteOrderMark: true } };
    if (file === 'acceptedEntries') return answer(pek.GET('/api/v1/realms/{realm}/acceptedEntries', { params, ...asked }));
    const ofSemester = { path: { realm }, query: { byteOrderMark: true, semester } };
    return file === 'scoredUsers'
        ? answer(pek.GET('/api/v1/realms/{realm}/scoredUsers', { params: ofSemester, ...asked }))
        : answer(pek.GET('/api/v1/realms/{realm}/activeUsers', { params: ofSemester, ...asked }));
}

function Files({ current, open }: { current: Semester; open: boolean }) {
    const scores = useScoreTexts();
    const { realm } = current;
    const [semester, setSemester] = useState(current.id);
    const isSemester = /^20\d\d-20\d\d\/[12]$/.test(semester);
    const download = useMutation({
        mutationFn: async (file: File) => {
            const href = URL.createObjectURL(await csvOf(realm, file, semester));
            const name = file === 'acceptedEntries' ? current.id : semester;
            Object.assign(document.createElement('a'), { href, download: `${realm}-${file}-${name.replace('/', '-')}.csv` }).click();
            URL.revokeObjectURL(href);
        },
    });
    const files: File[] = ['scoredUsers', 'activeUsers', 'acceptedEntries'];
    return (
        <Card title={scores.realm.files}>
            <div className="about">
                <p className="muted small">{scores.realm.filesText}</p>
                <TextField
                    label={scores.realm.semester}
                    value={semester}
                    disabled={!open}
                    problem={isSemester ? undefined : scores.realm.semesterHint}
                    onChange={(event) => setSemester(event.target.value.trim())}
                />
            </div>
            <ul className="rows">
                {files.map((file) => (
                    <li key={file}>
                        <div className="grow">
                            {scores.realm.fileNames[file]}
                            <p className="muted small">{scores.realm.fileTexts[file]}</p>
                        </div>
                        <button
                            type="button"
                            className="button small"
                            disabled={!open || !isSemester || download.isPending}
                            aria-label={scores.realm.download(scores.realm.fileNames[file])}
                            onClick={() => download.mutate(file)}
                        >
                            <Download size={16} aria-hidden="true" />
                            CSV
                        </button>
                    </li>
                ))}
            </ul>
            {download.isError && (
                <div className="card-text">
                    <Problem error={download.error} />
                </div>
            )}
        </Card>
    );
}

function Move({ semester: now, onClose }: { semester: Semester; onClose: () => void }) {
    const scores = useScoreTexts();
    const client = useQueryClient();
    const [semester] = useState(now);
    const judging = semester.season === 'EVALUATION' && semester.openActions.includes('VIEW_JUDGEMENTS');
    const { data } = useInfiniteQuery({ ...judgementsQuery(semester.realm, true), enabled: judging });
    const waiting = (judging && data?.pages[0]?.judgements) || [];
    const move = async (form: FormData) => {
        await answer(
            pek.PUT('/api/v1/realms/{realm}/semester', {
                params: { path: { realm: semester.realm } },
                body: { id: String(form.get('semester') ?? '').trim(), season: form.get('season') as Season, etag: semester.etag },
            }),
        );
        tell(scores.realm.changed);
        await client.invalidateQueries({ queryKey: ['semester', semester.realm] });
    };
    return (
        <FormDialog
            open
            onClose={onClose}
            title={scores.realm.begin}
            text={scores.realm.beginText}
            action={scores.realm.begin}
            begun
            onSubmit={move}
        >
            {waiting.length > 0 && <Note tone="warn">{scores.realm.unjudged(waiting.map(({ groupName }) => groupName).join(', '))}</Note>}
            <TextField
                name="semester"
                label={scores.realm.semester}
                hint={scores.realm.semesterHint}
                defaultValue={semester.id}
                required
                pattern="20[0-9]{2}-20[0-9]{2}/[12]"
            />
            <SelectField name="season" label={scores.realm.season} defaultValue={semester.season}>
                {Object.entries(scores.realm.seasonNames).map(([season, text]) => (
                    <option key={season} value={season}>
                        {text}
                    </option>
                ))}
            </SelectField>
        </FormDialog>
    );
}
