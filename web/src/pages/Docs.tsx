// The reference of the API: Swagger UI over /openapi.json, loaded when somebody looks at it. It asks nobody but this hub.
import { useEffect, useRef } from 'react';
import swagger from 'swagger-ui-dist/swagger-ui-bundle.js?url'; // as it is: it was built already
import 'swagger-ui-dist/swagger-ui.css';
import { useQuery } from '@tanstack/react-query';
import { loginQuery } from '../api';
import { LoginLinks } from '../app/LoginLinks';
import { Note, PageTitle } from '../parts/basics';
import { useSystemTexts } from '../texts/system';
import { useDark } from '../theme';
import '../styles/docs.css';

const options = {
    url: '/openapi.json',
    deepLinking: false, // the address is the router's
    docExpansion: 'none',
    defaultModelsExpandDepth: -1,
    filter: true,
    validatorUrl: null, // would be another site
    tryItOutEnabled: true,
};

type Swagger = (options: Record<string, unknown>) => unknown;

/** It is a script that leaves a global behind. */
function loadSwagger(): Promise<Swagger> {
    const place = globalThis as { SwaggerUIBundle?: Swagger };
    return new Promise((resolve, reject) => {
        const there = () => (place.SwaggerUIBundle ? resolve(place.SwaggerUIBundle) : reject(new Error('Swagger UI did not load')));
        if (place.SwaggerUIBundle) return there();
        const script = document.createElement('script');
        script.src = swagger;
        script.onload = there;
        script.onerror = there;
        document.head.append(script);
    });
}

export function DocsPage() {
    const { docs } = useSystemTexts();
    const place = useRef<HTMLDivElement>(null);
    const dark = useDark();
    const { data: login } = useQuery(loginQuery);

    // Swagger UI has a dark half of its own, which it looks for there.
    useEffect(() => {
        document.documentElement.classList.toggle('dark-mode', dark);
        return () => document.documentElement.classList.remove('dark-mode');
    }, [dark]);

    useEffect(() => {
        const node = place.current;
        if (!node) return;
        let gone = false;
        void loadSwagger().then((SwaggerUI) => {
            if (!gone) SwaggerUI({ ...options, domNode: node });
        });
        return () => {
            gone = true;
            node.replaceChildren();
        };
    }, []);

    return (
        <>
            <div className="page-head">
                <div>
                    <PageTitle>{docs.title}</PageTitle>
                    <p className="lead">{docs.text}</p>
                </div>
                <a className="button" href="/openapi.json" target="_blank" rel="noreferrer">
                    {docs.document}
                </a>
            </div>
            {login?.signedIn === false && (
                <Note tone="warn">
                    <div className="stack tight">
                        <p>{docs.guest}</p>
                        <LoginLinks login={login} />
                    </div>
                </Note>
            )}
            <div className="reference" ref={place} lang="en" />
        </>
    );
}
