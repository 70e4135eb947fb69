import { useTexts } from '../texts';
import { PageTitle, Problem } from './basics';

/** In place of a page of which nothing could be read. */
export function PageProblem({ error, retry }: { error: unknown; retry: () => void }) {
    return (
        <>
            <PageTitle>{useTexts().pageMissing}</PageTitle>
            <Problem error={error} retry={retry} />
        </>
    );
}
