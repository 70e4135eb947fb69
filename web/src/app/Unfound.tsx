import { Link } from '@tanstack/react-router';
import { Compass, TriangleAlert } from 'lucide-react';
import { Empty } from '../parts/basics';
import { useMessage } from '../parts/problems';
import { useTexts } from '../texts';

export function NotFound() {
    const texts = useTexts();
    return (
        <Empty
            icon={Compass}
            title={texts.notFound.title}
            actions={
                <Link className="button" to="/">
                    {texts.nav.home}
                </Link>
            }
        >
            {texts.notFound.text}
        </Empty>
    );
}

export function Crashed({ error }: { error: unknown }) {
    const texts = useTexts();
    const message = useMessage();
    return (
        <Empty
            icon={TriangleAlert}
            title={texts.crashed}
            actions={
                <button type="button" className="button primary" onClick={() => location.reload()}>
                    {texts.again}
                </button>
            }
        >
            {message(error)}
        </Empty>
    );
}
