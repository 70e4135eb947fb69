import './styles/base.css';
import './styles/parts.css';
import './styles/frame.css';
import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queryClient } from './api';
import { Toasts } from './parts/toasts';
import { router } from './router';
import { loadFirstTexts, TextsProvider } from './texts';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
const first = await loadFirstTexts().catch((error: unknown) => {
    // There is no text to say it in.
    root.textContent = 'A PÉK szövegei nem töltődtek be: töltsd újra az oldalt. · The texts of PÉK did not load: reload the page.';
    throw error;
});

// The page's policy lets nothing inline in: parts that would write a <style> have what it says in styles/parts.css.
createRoot(root).render(
    <StrictMode>
        <CSPProvider disableStyleElements>
            <QueryClientProvider client={queryClient}>
                <TextsProvider first={first}>
                    <RouterProvider router={router} />
                    <Toasts />
                </TextsProvider>
            </QueryClientProvider>
        </CSPProvider>
    </StrictMode>,
);
